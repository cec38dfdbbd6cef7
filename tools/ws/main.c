/* SPDX-License-Identifier: MIT */
/* flare-ws: a WebSocket client and server for the terminal. */
#include "tools/ws/ws.h"

int main(int argc, char **argv)
{
    ws_options(argc, argv);
    return ws.listen != NULL ? ws_listen() : ws_connect();
}
