/* SPDX-License-Identifier: MIT */
/*
 * Happy Eyeballs, version 2 (RFC 8305): in which order addresses are tried,
 * when the next one is, and who has won.  Knows no socket and no clock: time
 * and outcomes go in, what to do comes out.
 *
 * States:  RUNNING -> WON | LOST
 *   Each attempt is WAITING, then RUNNING, then CONNECTED or FAILED; attempts
 *   begin in order, the next one `delay_ms` after the last or at once when one
 *   has failed.  The first that is connected has won; all failed, or the time
 *   over: lost, with the error told last.
 */
#ifndef FLARE__TCP_RACE_H
#define FLARE__TCP_RACE_H

#include <flare/dns.h>

enum { FLARE__RACE_MAX = FLARE_DNS_ADDRESSES_MAX };

struct flare__race_times {
    uint32_t delay_ms;    /* Connection Attempt Delay, section 5 */
    uint32_t attempt_ms;  /* how long one may take; FLARE_UNLIMITED */
    uint64_t deadline_ms; /* of all together; UINT64_MAX: none */
};

enum flare__race_what {
    FLARE__RACE_WAIT,  /* for an outcome, or for flare__race_wake */
    FLARE__RACE_START, /* attempt `index`; its failure is told like others */
    FLARE__RACE_CUT,   /* attempt `index` took too long: it counts as failed */
    FLARE__RACE_WON,   /* by `index`; what else runs is to be ended */
    FLARE__RACE_LOST   /* with `rc`; what still runs is to be ended */
};

struct flare__race_step {
    enum flare__race_what what;
    uint32_t index;
    int rc;
};

enum flare__race_attempt {
    FLARE__RACE_WAITING,
    FLARE__RACE_RUNNING,
    FLARE__RACE_FAILED,
    FLARE__RACE_CONNECTED
};

struct flare__race {
    struct flare__race_times times;
    uint32_t count;
    uint32_t begun;   /* attempts below were started */
    uint32_t running; /* of them */
    uint32_t last;    /* whose failure was told last */
    uint32_t winner;  /* FLARE__RACE_MAX: nobody yet */
    int rc;           /* of the last failure */
    bool is_lost;
    uint64_t next_ms; /* when the next may begin though others run */
    uint64_t started_ms[FLARE__RACE_MAX];
    uint8_t states[FLARE__RACE_MAX]; /* enum flare__race_attempt */
};

/*
 * Puts addresses in the order of section 4: the families in turn, beginning
 * with that of the first, each family's own order kept.  At most
 * FLARE__RACE_MAX.
 */
void flare__race_order(struct flare_ip *ips, uint32_t count);

/* `count` attempts, 1 to FLARE__RACE_MAX, the first to begin at once. */
void flare__race_init(struct flare__race *race, uint32_t count,
                      const struct flare__race_times *times, uint64_t now_ms);

/*
 * What is to be done at `now_ms`; to be asked again until it is to wait, or the
 * race is over (then the answer stays).  A START or CUT is given once.
 */
struct flare__race_step flare__race_next(struct flare__race *race,
                                         uint64_t now_ms);

/* An attempt that runs is connected; false: another has won, or it was cut. */
bool flare__race_connected(struct flare__race *race, uint32_t index);

/* An attempt that runs has failed with `rc` < 0; one that was cut is ignored.
 */
void flare__race_failed(struct flare__race *race, uint32_t index, int rc,
                        uint64_t now_ms);

/* When to ask next if nothing happens before; UINT64_MAX: never. */
uint64_t flare__race_wake(const struct flare__race *race);

#endif
