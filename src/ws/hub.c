/* SPDX-License-Identifier: MIT */
/* See hub.h. */
#include "ws/hub.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "net/random.h"
#include "ws/conn.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum {
    HUB_TOPIC_BYTES_MAX = 255,
    HUB_SUBS_MAX = 1024, /* of one connection */
    HUB_BUCKETS_MIN = 16 /* of a desk */
};

struct flare_ws_hub {
    struct flare_allocator al;
    uint64_t seed[2];
    pthread_mutex_t lock;
    struct flare__ws_desk *desks; /* under the lock */
    atomic_ullong dropped;
};

struct hub_topic {
    struct hub_topic *next; /* in its bucket */
    struct flare__ws_sub *subs;
    uint64_t hash;
    uint8_t len;
    char name[];
};

struct flare__ws_desk {
    struct flare_ws_hub *hub;
    struct flare_loop *loop;
    struct flare__ws_desk *next_of_hub;  /* under the hub's lock */
    struct flare__ws_desk *next_of_loop; /* of another hub */
    struct hub_topic **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t topic_count;
};

struct flare__ws_sub {
    struct flare__ws_sub *next_of_ws;
    struct flare__ws_sub *next; /* of the topic */
    struct flare__ws_sub **link;
    struct flare_ws *ws;
    struct flare__ws_desk *desk;
    struct hub_topic *topic;
};

struct hub_message;

struct hub_letter {
    struct flare__letter letter;
    struct flare_loop *loop;
    struct hub_message *message;
};

struct hub_message {
    struct flare_ws_hub *hub;
    atomic_uint refs;
    uint64_t hash;
    struct flare_str topic;
    struct flare_str frame;
    struct hub_letter letters[];
};

/* ---- the hub ---- */

int flare_ws_hub_new(flare_ws_hub **out,
                     const struct flare_allocator *allocator)
{
    struct flare_allocator al =
        allocator != NULL ? *allocator : flare__allocator_default;
    struct flare_ws_hub *hub = flare__calloc(&al, 1, sizeof(*hub));
    int rc;

    if (hub == NULL)
        return -ENOMEM;
    hub->al = al;
    rc = flare__random(hub->seed, sizeof(hub->seed));
    if (rc < 0) {
        flare__free(&al, hub);
        return rc;
    }
    (void)pthread_mutex_init(&hub->lock, NULL); /* glibc, musl: never fail */
    *out = hub;
    return 0;
}

void flare_ws_hub_free(flare_ws_hub *hub)
{
    struct flare_allocator al;

    if (hub == NULL)
        return;
    FLARE_ASSERT(hub->desks == NULL); /* the loops have ended */
    al = hub->al;
    pthread_mutex_destroy(&hub->lock);
    flare__free(&al, hub);
}

uint64_t flare_ws_hub_dropped(const flare_ws_hub *hub)
{
    return atomic_load(&((struct flare_ws_hub *)(uintptr_t)hub)->dropped);
}

/* ---- desks ---- */

void flare__ws_desks_free(struct flare__ws_desk *desks)
{
    while (desks != NULL) {
        struct flare__ws_desk *desk = desks;
        struct flare_ws_hub *hub = desk->hub;
        struct flare__ws_desk **link;

        desks = desk->next_of_loop;
        FLARE_ASSERT(desk->topic_count == 0); /* connections are gone */
        pthread_mutex_lock(&hub->lock);
        for (link = &hub->desks; *link != desk; link = &(*link)->next_of_hub)
            ;
        *link = desk->next_of_hub;
        pthread_mutex_unlock(&hub->lock);
        flare__free(&desk->loop->allocator, desk->buckets);
        flare__free(&desk->loop->allocator, desk);
    }
}

static struct flare__ws_desk *desk_find(const struct flare_loop *loop,
                                        const struct flare_ws_hub *hub)
{
    const struct flare__ws_home *home = loop->extras[FLARE__EXTRA_WS].state;
    struct flare__ws_desk *desk = home != NULL ? home->desks : NULL;

    while (desk != NULL && desk->hub != hub)
        desk = desk->next_of_loop;
    return desk;
}

/* The loop's desk of the hub, made if there is none.  NULL: no memory. */
static struct flare__ws_desk *desk_of(struct flare_loop *loop,
                                      struct flare_ws_hub *hub)
{
    struct flare__ws_desk *desk = desk_find(loop, hub);
    struct flare__ws_home *home = flare__ws_home_of(loop); /* is there */

    if (desk != NULL)
        return desk;
    desk = flare__calloc(&loop->allocator, 1, sizeof(*desk));
    if (desk == NULL)
        return NULL;
    desk->buckets = flare__calloc(&loop->allocator, HUB_BUCKETS_MIN,
                                  sizeof(*desk->buckets));
    if (desk->buckets == NULL) {
        flare__free(&loop->allocator, desk);
        return NULL;
    }
    desk->bucket_count = HUB_BUCKETS_MIN;
    desk->hub = hub;
    desk->loop = loop;
    desk->next_of_loop = home->desks;
    home->desks = desk;
    pthread_mutex_lock(&hub->lock);
    desk->next_of_hub = hub->desks;
    hub->desks = desk;
    pthread_mutex_unlock(&hub->lock);
    return desk;
}

/* ---- topics ---- */

static struct hub_topic **topic_link(const struct flare__ws_desk *desk,
                                     struct flare_str name, uint64_t hash)
{
    struct hub_topic **link = &desk->buckets[hash & (desk->bucket_count - 1)];

    while (*link != NULL &&
           ((*link)->hash != hash || (*link)->len != name.len ||
            memcmp((*link)->name, name.ptr, name.len) != 0))
        link = &(*link)->next;
    return link;
}

/* More buckets, if there is memory: without it they only get fuller. */
static void desk_grow(struct flare__ws_desk *desk)
{
    uint32_t count = desk->bucket_count * 2;
    struct hub_topic **buckets =
        flare__calloc(&desk->loop->allocator, count, sizeof(*buckets));

    if (buckets == NULL)
        return;
    for (uint32_t i = 0; i < desk->bucket_count; i++) {
        while (desk->buckets[i] != NULL) {
            struct hub_topic *topic = desk->buckets[i];
            struct hub_topic **to = &buckets[topic->hash & (count - 1)];

            desk->buckets[i] = topic->next;
            topic->next = *to;
            *to = topic;
        }
    }
    flare__free(&desk->loop->allocator, desk->buckets);
    desk->buckets = buckets;
    desk->bucket_count = count;
}

static struct hub_topic *topic_of(struct flare__ws_desk *desk,
                                  struct flare_str name)
{
    uint64_t hash = flare__hash(desk->hub->seed, name);
    struct hub_topic **link = topic_link(desk, name, hash);
    struct hub_topic *topic = *link;

    if (topic != NULL)
        return topic;
    topic = flare__alloc(&desk->loop->allocator, sizeof(*topic) + name.len);
    if (topic == NULL)
        return NULL;
    *topic = (struct hub_topic){.hash = hash, .len = (uint8_t)name.len};
    memcpy(topic->name, name.ptr, name.len);
    *link = topic;
    if (++desk->topic_count > desk->bucket_count)
        desk_grow(desk);
    return topic;
}

static void topic_release(struct flare__ws_desk *desk, struct hub_topic *topic)
{
    struct hub_topic **link;

    if (topic->subs != NULL)
        return;
    link = topic_link(desk, (struct flare_str){topic->name, topic->len},
                      topic->hash);
    *link = topic->next;
    desk->topic_count--;
    flare__free(&desk->loop->allocator, topic);
}

/* ---- subscriptions ---- */

static void sub_free(struct flare__ws_sub *sub)
{
    struct flare__ws_desk *desk = sub->desk;

    *sub->link = sub->next;
    if (sub->next != NULL)
        sub->next->link = sub->link;
    topic_release(desk, sub->topic);
    flare__free(flare__ws_end(sub->ws)->rules.al, sub);
}

void flare__ws_subs_drop(struct flare__ws_reader *r)
{
    while (r->subs != NULL) {
        struct flare__ws_sub *sub = r->subs;

        r->subs = sub->next_of_ws;
        sub_free(sub);
    }
    r->sub_count = 0;
}

static bool sub_is_of(const struct flare__ws_sub *sub,
                      const struct flare_ws_hub *hub, struct flare_str topic)
{
    return sub->desk->hub == hub && sub->topic->len == topic.len &&
           memcmp(sub->topic->name, topic.ptr, topic.len) == 0;
}

static struct flare__ws_sub **sub_link(struct flare__ws_reader *r,
                                       const struct flare_ws_hub *hub,
                                       struct flare_str topic)
{
    struct flare__ws_sub **link = &r->subs;

    while (*link != NULL && !sub_is_of(*link, hub, topic))
        link = &(*link)->next_of_ws;
    return link;
}

/* -ENOMEM, with nothing changed. */
static int sub_add(struct flare_ws *ws, struct flare__ws_reader *r,
                   struct flare_ws_hub *hub, struct flare_str topic)
{
    const struct flare_allocator *al = flare__ws_end(ws)->rules.al;
    struct flare__ws_desk *desk = desk_of(flare_ws_loop(ws), hub);
    struct flare__ws_sub *sub;

    if (desk == NULL)
        return -ENOMEM;
    sub = flare__calloc(al, 1, sizeof(*sub));
    if (sub == NULL)
        return -ENOMEM;
    sub->topic = topic_of(desk, topic);
    if (sub->topic == NULL) {
        flare__free(al, sub);
        return -ENOMEM;
    }
    sub->ws = ws;
    sub->desk = desk;
    sub->next = sub->topic->subs;
    sub->link = &sub->topic->subs;
    if (sub->next != NULL)
        sub->next->link = &sub->next;
    sub->topic->subs = sub;
    sub->next_of_ws = r->subs;
    r->subs = sub;
    r->sub_count++;
    return 0;
}

int flare_ws_subscribe(flare_ws *ws, flare_ws_hub *hub, struct flare_str topic)
{
    struct flare__ws_reader *r;
    int rc;

    FLARE_DCHECK(flare__loop_is_owner(flare_ws_loop(ws)));
    if (flare__ws_is_over(ws) || ws->has_closed)
        return FLARE_E_GONE;
    if (topic.len == 0 || topic.len > HUB_TOPIC_BYTES_MAX)
        return FLARE_E_RANGE;
    r = flare__ws_reader_own(ws);
    if (r == NULL)
        return -ENOMEM;
    if (*sub_link(r, hub, topic) != NULL)
        return 0;
    rc = r->sub_count < HUB_SUBS_MAX ? sub_add(ws, r, hub, topic)
                                     : FLARE_E_OVERLOADED;
    if (rc < 0)
        flare__ws_reader_disown(ws);
    return rc;
}

void flare_ws_unsubscribe(flare_ws *ws, flare_ws_hub *hub,
                          struct flare_str topic)
{
    struct flare__ws_reader *r = flare__ws_reader_now(ws);
    struct flare__ws_sub **link;
    struct flare__ws_sub *sub;

    FLARE_DCHECK(flare__ws_is_over(ws) ||
                 flare__loop_is_owner(flare_ws_loop(ws)));
    if (r == NULL)
        return;
    link = sub_link(r, hub, topic);
    sub = *link;
    if (sub == NULL)
        return;
    *link = sub->next_of_ws;
    r->sub_count--;
    sub_free(sub);
    flare__ws_reader_disown(ws);
}

/* ---- messages ---- */

static void message_unref(void *ctx, void *block)
{
    struct hub_message *message = ctx;
    struct flare_allocator al;

    (void)block;
    if (atomic_fetch_sub(&message->refs, 1) != 1)
        return;
    al = message->hub->al;
    flare__free(&al, message);
}

static void message_give(struct flare_ws *ws, struct hub_message *message)
{
    int rc;

    atomic_fetch_add(&message->refs, 1);
    rc = flare__ws_send_shared(ws, message->frame, message_unref, message);
    if (rc >= 0)
        return;
    if (rc != FLARE_E_GONE)
        atomic_fetch_add(&message->hub->dropped, 1);
    message_unref(message, NULL);
}

static void message_on_letter(struct flare__letter *letter)
{
    struct hub_letter *mine =
        FLARE_CONTAINER_OF(letter, struct hub_letter, letter);
    struct hub_message *message = mine->message;
    struct flare__ws_desk *desk = desk_find(mine->loop, message->hub);
    struct hub_topic *topic =
        desk != NULL ? *topic_link(desk, message->topic, message->hash) : NULL;

    if (topic != NULL) {
        for (struct flare__ws_sub *sub = topic->subs; sub != NULL;
             sub = sub->next)
            message_give(sub->ws, message);
    }
    message_unref(message, NULL);
}

/* A message with room for the letters to all desks; under the lock. */
static struct hub_message *message_new(struct flare_ws_hub *hub, uint32_t desks,
                                       struct flare_str topic,
                                       enum flare_ws_kind kind,
                                       struct flare_str bytes)
{
    const struct flare__ws_frame frame = {
        .len = bytes.len,
        .opcode = (uint8_t)kind,
        .is_fin = true,
    };
    size_t head =
        sizeof(struct hub_message) + desks * sizeof(struct hub_letter);
    struct hub_message *message = flare__alloc(
        &hub->al, head + topic.len + FLARE__WS_HEAD_MAX + bytes.len);
    char *p;
    size_t len;

    if (message == NULL)
        return NULL;
    p = (char *)message + head;
    message->hub = hub;
    atomic_init(&message->refs, desks);
    message->hash = flare__hash(hub->seed, topic);
    message->topic = (struct flare_str){p, topic.len};
    memcpy(p, topic.ptr, topic.len);
    p += topic.len;
    len = flare__ws_write_head(p, &frame);
    if (bytes.len > 0)
        memcpy(p + len, bytes.ptr, bytes.len);
    message->frame = (struct flare_str){p, len + bytes.len};
    return message;
}

/* Posts it to every desk; -ENOMEM. */
static int hub_post(struct flare_ws_hub *hub, struct flare_str topic,
                    enum flare_ws_kind kind, struct flare_str bytes)
{
    struct hub_message *message;
    struct flare__ws_desk *desk;
    uint32_t count = 0;

    for (desk = hub->desks; desk != NULL; desk = desk->next_of_hub)
        count++;
    if (count == 0)
        return 0;
    message = message_new(hub, count, topic, kind, bytes);
    if (message == NULL)
        return -ENOMEM;
    count = 0;
    for (desk = hub->desks; desk != NULL; desk = desk->next_of_hub) {
        struct hub_letter *letter = &message->letters[count++];

        *letter = (struct hub_letter){
            .letter.fn = message_on_letter,
            .loop = desk->loop,
            .message = message,
        };
        if (!flare__loop_send(desk->loop, &letter->letter))
            message_unref(message, NULL);
    }
    return 0;
}

int flare_ws_publish(flare_ws_hub *hub, struct flare_str topic,
                     enum flare_ws_kind kind, struct flare_str bytes)
{
    int rc;

    if (topic.len == 0 || topic.len > HUB_TOPIC_BYTES_MAX ||
        bytes.len > INT32_MAX - FLARE__WS_HEAD_MAX)
        return FLARE_E_RANGE;
    if (kind == FLARE_WS_TEXT && !flare__utf8_is_valid(bytes))
        return FLARE_E_WS_TEXT;
    pthread_mutex_lock(&hub->lock);
    rc = hub_post(hub, topic, kind, bytes);
    pthread_mutex_unlock(&hub->lock);
    return rc;
}
