/* SPDX-License-Identifier: MIT */
/*
 * What a worker keeps of files: the contents of small ones, and that a name the
 * library made up is not there.  No descriptors: a file that was replaced is
 * not held, and what connections may have is not touched.
 *
 * An entry is believed for cache_ms, then compared with the file.  Contents are
 * kept only if the file had been left alone for two seconds when they were
 * read: until then it may change again without its times or size telling.
 *
 * Bound: cache_bytes_max, the least recently used goes first.  What answers
 * that are not sent yet have been lent counts until they give it back, also if
 * the cache has dropped it: slow peers cannot hold more.  One thread.
 */
#include "http/files.h"

#include "base/alloc.h"
#include "net/clock.h"
#include "net/loop.h"

#include <errno.h>
#include <string.h>

enum {
    CACHE_SLOTS = 1024, /* a power of two */
    CACHE_SETTLED_S = 2,
    CACHE_PROBES = 8 /* places a loop looks at for its own */
};

struct flare__files_entry {
    struct flare__files_entry *next; /* in its slot */
    struct flare__files_entry *newer;
    struct flare__files_entry *older;
    uint32_t hash;
    uint32_t path_len;
    uint64_t checked_ms;
    struct flare__files_cache *cache;
    size_t bytes;  /* all of it */
    uint32_t refs; /* the cache's own, and one a file lent */
    bool is_absent;
    struct flare__file_facts facts;
    struct flare__files_validators validators;
    char path[]; /* and then the content */
};

struct flare__files_cache {
    const struct flare_files *files;
    size_t bytes; /* of all entries there are */
    struct flare__files_entry *newest;
    struct flare__files_entry *oldest;
    struct flare__files_entry *slots[CACHE_SLOTS];
};

/* ---- which cache ---- */

static struct flare__files_shard *shard_of(struct flare_files *files,
                                           const flare_loop *loop)
{
    uint32_t at = (uint32_t)(((uintptr_t)loop >> 6) * UINT32_C(2654435761));

    for (uint32_t i = 0; i < CACHE_PROBES; i++) {
        struct flare__files_shard *s =
            &files->shards[(at + i) % FLARE__FILES_SHARDS];
        const flare_loop *owner =
            atomic_load_explicit(&s->loop, memory_order_acquire);

        if (owner == loop)
            return s;
        if (owner == NULL &&
            atomic_compare_exchange_strong(&s->loop, &owner, loop))
            return s;
    }
    return NULL;
}

struct flare__files_cache *flare__files_cache_of(struct flare_files *files,
                                                 const flare_req *req)
{
    struct flare__files_shard *s;

    if (files->config.cache_bytes_max == FLARE_FILES_UNCACHED)
        return NULL;
    s = shard_of(files, req->http->loop);
    if (s == NULL)
        return NULL;
    if (s->cache == NULL) {
        s->cache = flare__calloc(&files->al, 1, sizeof(*s->cache));
        if (s->cache == NULL)
            return NULL;
        s->cache->files = files;
    }
    return s->cache;
}

/* ---- entries ---- */

static uint32_t cache_hash(struct flare_str path)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a; few entries, all bounded */

    for (size_t i = 0; i < path.len; i++)
        hash = (hash ^ (unsigned char)path.ptr[i]) * UINT32_C(16777619);
    return hash;
}

static void cache_unlink(struct flare__files_cache *c,
                         struct flare__files_entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void cache_link(struct flare__files_cache *c,
                       struct flare__files_entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void entry_unref(struct flare__files_entry *e)
{
    struct flare__files_cache *c = e->cache;

    if (--e->refs > 0)
        return;
    c->bytes -= e->bytes;
    flare__free(&c->files->al, e);
}

void flare__files_unlend(void *entry, void *content)
{
    (void)content;
    entry_unref(entry);
}

void flare__files_drop(struct flare__files_file *file)
{
    flare__file_close(file->fd);
    if (file->entry != NULL)
        entry_unref(file->entry);
}

static void cache_drop(struct flare__files_cache *c,
                       struct flare__files_entry *e)
{
    struct flare__files_entry **p = &c->slots[e->hash % CACHE_SLOTS];

    while (*p != e)
        p = &(*p)->next;
    *p = e->next;
    cache_unlink(c, e);
    entry_unref(e);
}

static struct flare__files_entry *cache_find(struct flare__files_cache *c,
                                             struct flare_str path,
                                             uint32_t hash)
{
    struct flare__files_entry *e = c->slots[hash % CACHE_SLOTS];

    while (e != NULL && (e->hash != hash || e->path_len != path.len ||
                         memcmp(e->path, path.ptr, path.len) != 0))
        e = e->next;
    return e;
}

/* An entry with room for `size` bytes, not in a slot yet; NULL: no room. */
static struct flare__files_entry *entry_new(struct flare__files_cache *c,
                                            struct flare_str path, size_t size)
{
    size_t bytes = sizeof(struct flare__files_entry) + path.len + size;
    size_t bytes_max = c->files->config.cache_bytes_max;
    struct flare__files_entry *e;

    if (bytes > bytes_max)
        return NULL;
    while (c->bytes + bytes > bytes_max && c->oldest != NULL)
        cache_drop(c, c->oldest);
    if (c->bytes + bytes > bytes_max)
        return NULL; /* all of it is lent */
    e = flare__alloc(&c->files->al, bytes);
    if (e == NULL)
        return NULL;
    c->bytes += bytes;
    *e = (struct flare__files_entry){
        .hash = cache_hash(path),
        .path_len = (uint32_t)path.len,
        .cache = c,
        .bytes = bytes,
        .refs = 1,
    };
    memcpy(e->path, path.ptr, path.len);
    return e;
}

static void cache_insert(struct flare__files_cache *c,
                         struct flare__files_entry *e, uint64_t now_ms)
{
    e->checked_ms = now_ms;
    e->next = c->slots[e->hash % CACHE_SLOTS];
    c->slots[e->hash % CACHE_SLOTS] = e;
    cache_link(c, e);
}

void flare__files_cache_free(struct flare__files_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        cache_drop(cache, cache->oldest);
    flare__free(&cache->files->al, cache);
}

/* ---- filling ---- */

static bool facts_same(const struct flare__file_facts *a,
                       const struct flare__file_facts *b)
{
    return a->size == b->size && a->inode == b->inode &&
           a->device == b->device && a->modified_ns == b->modified_ns &&
           a->changed_ns == b->changed_ns;
}

static bool facts_settled(const struct flare__file_facts *facts)
{
    int64_t now = flare__clock_realtime();

    return facts->changed_ns / 1000000000 + CACHE_SETTLED_S <= now &&
           facts->modified_ns / 1000000000 + CACHE_SETTLED_S <= now;
}

/* Keeps the file's content, if that may be done; NULL otherwise. */
static struct flare__files_entry *cache_fill(
    struct flare__files_cache *c, struct flare_str path,
    const struct flare__files_file *file)
{
    struct flare__file_facts after;
    size_t size = (size_t)file->facts.size;
    struct flare__files_entry *e;

    if (file->facts.size > FLARE__FILES_CONTENT_MAX ||
        !facts_settled(&file->facts))
        return NULL;
    e = entry_new(c, path, size);
    if (e == NULL)
        return NULL;
    if (flare__file_read(file->fd, e->path + path.len, size, 0) !=
            (int64_t)size ||
        flare__file_facts(file->fd, &after) < 0 ||
        !facts_same(&file->facts, &after)) {
        entry_unref(e);
        return NULL;
    }
    e->facts = file->facts;
    flare__files_validate(&e->validators, c->files, &e->facts);
    return e;
}

static void cache_add_absent(struct flare__files_cache *c,
                             struct flare_str path, uint64_t now_ms)
{
    struct flare__files_entry *e = entry_new(c, path, 0);

    if (e == NULL)
        return;
    e->is_absent = true;
    cache_insert(c, e, now_ms);
}

/* ---- getting ---- */

static int get_error(int error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
    case -ELOOP:
    case -EXDEV:
    case -ENAMETOOLONG:
    case -ENXIO: /* a socket */
    case -ENODEV:
        return FLARE_E_NOT_FOUND;
    case -EACCES:
    case -EPERM:
        return FLARE_E_FORBIDDEN;
    case -EAGAIN:
        return FLARE_E_OVERLOADED;
    default:
        return error;
    }
}

/* The file as the file system has it. */
static int get_file(const struct flare_files *files, struct flare_str path,
                    struct flare__files_file *file)
{
    file->fd = flare__root_find(&files->root, path.ptr, &file->facts);
    if (file->fd < 0)
        return get_error(file->fd);
    if (file->facts.kind == FLARE__FILE_REGULAR)
        return 0;
    if (file->facts.kind == FLARE__FILE_DIRECTORY)
        return -EISDIR;
    flare__file_close(file->fd);
    file->fd = -1;
    return FLARE_E_NOT_FOUND;
}

static int get_entry(struct flare__files_cache *c, struct flare__files_entry *e,
                     struct flare__files_file *file)
{
    if (c->newest != e) {
        cache_unlink(c, e);
        cache_link(c, e);
    }
    if (e->is_absent)
        return FLARE_E_NOT_FOUND;
    e->refs++;
    file->entry = e;
    file->facts = e->facts;
    file->validators = &e->validators;
    file->content = e->path + e->path_len;
    return 0;
}

int flare__files_get(struct flare_files *files, struct flare__files_cache *c,
                     const flare_loop *loop, struct flare_str path,
                     bool is_derived, struct flare__files_file *file)
{
    struct flare__files_entry *e = NULL;
    int rc;

    file->fd = -1;
    file->entry = NULL;
    file->validators = NULL;
    file->content = NULL;
    if (c == NULL)
        return get_file(files, path, file);
    e = cache_find(c, path, cache_hash(path));
    if (e != NULL && loop->now_ms - e->checked_ms < c->files->config.cache_ms)
        return get_entry(c, e, file);

    rc = get_file(files, path, file);
    if (e != NULL && rc == 0 && !e->is_absent &&
        facts_same(&e->facts, &file->facts)) {
        e->checked_ms = loop->now_ms;
    } else {
        if (e != NULL)
            cache_drop(c, e);
        if (rc == FLARE_E_NOT_FOUND && is_derived)
            cache_add_absent(c, path, loop->now_ms);
        if (rc < 0)
            return rc;
        e = cache_fill(c, path, file);
        if (e == NULL)
            return 0;
        cache_insert(c, e, loop->now_ms);
    }
    flare__file_close(file->fd);
    file->fd = -1;
    return get_entry(c, e, file);
}
