/* SPDX-License-Identifier: MIT */
/* TLS in the kernel: each version with each cipher is tried on a connection of
 * this machine with itself. */
#include "tools/common/tool.h"
#include "tools/probe/facts.h"
#include "tools/probe/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

static const struct cipher {
    const char *name;
    uint16_t type;
    unsigned bytes;
} ciphers[] = {
    {"AES-128-GCM", TLS_CIPHER_AES_GCM_128,
     sizeof(struct tls12_crypto_info_aes_gcm_128)},
    {"AES-256-GCM", TLS_CIPHER_AES_GCM_256,
     sizeof(struct tls12_crypto_info_aes_gcm_256)},
#ifdef TLS_CIPHER_CHACHA20_POLY1305
    {"ChaCha20-Poly1305", TLS_CIPHER_CHACHA20_POLY1305,
     sizeof(struct tls12_crypto_info_chacha20_poly1305)},
#endif
};

/* Both ends of a connection; false without. */
static bool connect_pair(int ends[2])
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ends[1] = -1;
    if (listener >= 0 && ends[0] >= 0 &&
        bind(listener, (struct sockaddr *)&addr, len) == 0 &&
        listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&addr, &len) == 0 &&
        connect(ends[0], (struct sockaddr *)&addr, len) == 0)
        ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (listener >= 0)
        close(listener);
    return ends[1] >= 0;
}

static void close_pair(const int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

static bool try_cipher(const struct cipher *cipher, uint16_t version)
{
    union {
        struct tls_crypto_info info;
        char room[128];
    } key;
    int ends[2];
    bool works;

    memset(&key, 0, sizeof(key));
    key.info.version = version;
    key.info.cipher_type = cipher->type;
    works = connect_pair(ends) &&
            setsockopt(ends[0], IPPROTO_TCP, TCP_ULP, "tls", 4) == 0 &&
            setsockopt(ends[0], SOL_TLS, TLS_TX, &key, cipher->bytes) == 0;
    close_pair(ends);
    return works;
}

static void put_version(const char *key, uint16_t version)
{
    char text[160] = "";
    size_t used = 0;

    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
        if (try_cipher(&ciphers[i], version))
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                     used > 0 ? ", " : "", ciphers[i].name);
    facts_text(key, "%s", used > 0 ? text : "none");
}

void probe_ktls(void)
{
    int ends[2];
    bool has_module = connect_pair(ends) &&
                      setsockopt(ends[0], IPPROTO_TCP, TCP_ULP, "tls", 4) == 0;
    int error = errno;

    close_pair(ends);
    facts_section("kernel_tls");
    facts_bool("available", has_module, NULL);
    if (!has_module) {
        facts_text("refused_with", "%s", flare_error_name(-error));
        facts_advise("TLS is done by the process: \"modprobe tls\" lets the "
                     "kernel do it, and files then leave without a copy");
        return;
    }
    put_version("tls_1_2", TLS_1_2_VERSION);
    put_version("tls_1_3", TLS_1_3_VERSION);
}
