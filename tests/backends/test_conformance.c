/* SPDX-License-Identifier: MIT */
/* The backend contract, on every backend of this build: see conformance.h. */
#include "tests/backends/conformance.h"

#include "backends/sim.h"

const struct conf_stamp conf_stamps[] = {
#ifdef FLARE_HAVE_EPOLL
    {"epoll", &flare__backend_epoll, &conf_harness_kernel, 0},
    {"epoll, millisecond deadlines", &flare__backend_epoll,
     &conf_harness_kernel, FLARE__CAP_EPOLL_PWAIT2},
#endif
#ifdef FLARE_HAVE_KQUEUE
    {"kqueue", &flare__backend_kqueue, &conf_harness_kernel, 0},
    {"kqueue, no event of the user's", &flare__backend_kqueue,
     &conf_harness_kernel, FLARE__CAP_USER_EVENT},
#endif
#ifdef FLARE_HAVE_LIBURING
    {"uring", &flare__backend_uring, &conf_harness_kernel, 0},
    {"uring, single shots", &flare__backend_uring, &conf_harness_kernel,
     FLARE__CAP_MULTISHOT_ACCEPT | FLARE__CAP_MULTISHOT_RECV},
    {"uring, a completion for each lease", &flare__backend_uring,
     &conf_harness_kernel, FLARE__CAP_BUNDLE},
#endif
#ifdef CONF_SIM
    {"sim", &flare__backend_sim, &conf_harness_sim, 0},
#endif
};

const int conf_stamp_count = ROWS(conf_stamps);

int main(void)
{
    Suite *suite = suite_create("backends/conformance");

    suite_add_tcase(suite, conf_case_stream());
    suite_add_tcase(suite, conf_case_send());
    suite_add_tcase(suite, conf_case_file());
    suite_add_tcase(suite, conf_case_close());
    suite_add_tcase(suite, conf_case_accept());
    suite_add_tcase(suite, conf_case_poll());
    suite_add_tcase(suite, conf_case_embed());
    suite_add_tcase(suite, conf_case_datagram());
    return test_run(suite);
}
