/* SPDX-License-Identifier: MIT */
/* Conditional requests: the five steps of RFC 9110 section 13.2.2. */
#include "http/conditions.h"

#include "http/date.h"
#include "http/etag.h"

/* The tag of the representation; false if it has none. */
static bool own_tag(const struct flare__validators *mine,
                    struct flare__etag *out)
{
    return mine->exists && flare__etag_parse(mine->etag, out);
}

static bool lists_mine(struct flare__values list,
                       const struct flare__validators *mine, bool is_strong)
{
    struct flare__etag tag;

    if (flare__etag_is_any(list))
        return mine->exists;
    return own_tag(mine, &tag) && flare__etag_listed(list, tag, is_strong);
}

/* Reads a field of one date; false if it is to be ignored. */
static bool date_of(struct flare__values field,
                    const struct flare__validators *mine, int64_t now,
                    int64_t *out)
{
    return field.count == 1 && mine->exists && mine->has_modified &&
           flare__date_parse(flare__trim(field.at[0]), now, out) == 0;
}

static bool range_fits(const struct flare__conditions *conditions,
                       const struct flare__validators *mine, int64_t now)
{
    struct flare__etag theirs, tag;
    int64_t date;

    if (conditions->if_range.count != 1)
        return conditions->if_range.count == 0;
    if (flare__etag_parse(flare__trim(conditions->if_range.at[0]), &theirs))
        return own_tag(mine, &tag) && flare__etag_same_strong(theirs, tag);
    return date_of(conditions->if_range, mine, now, &date) &&
           date == mine->modified && mine->modified < now;
}

/* Steps 1 and 2: whether the state is the one the client knows. */
static bool is_expected(const struct flare__conditions *conditions,
                        const struct flare__validators *mine, int64_t now)
{
    int64_t date;

    if (conditions->if_match.count > 0)
        return lists_mine(conditions->if_match, mine, /* is_strong = */ true);
    if (date_of(conditions->if_unmodified_since, mine, now, &date))
        return mine->modified <= date;
    return true;
}

/* Steps 3 and 4: whether the state is one that the client lacks. */
static bool is_news(bool is_read, const struct flare__conditions *conditions,
                    const struct flare__validators *mine, int64_t now)
{
    int64_t date;

    if (conditions->if_none_match.count > 0)
        return !lists_mine(conditions->if_none_match, mine,
                           /* is_strong = */ false);
    if (is_read && date_of(conditions->if_modified_since, mine, now, &date))
        return mine->modified > date;
    return true;
}

enum flare__verdict flare__conditions_check(
    enum flare_method method, const struct flare__conditions *conditions,
    const struct flare__validators *mine, int64_t now)
{
    bool is_read = method == FLARE_METHOD_GET || method == FLARE_METHOD_HEAD;

    if (method == FLARE_METHOD_CONNECT || method == FLARE_METHOD_OPTIONS ||
        method == FLARE_METHOD_TRACE)
        return FLARE__VERDICT_PROCEED;
    if (!is_expected(conditions, mine, now))
        return FLARE__VERDICT_FAILED;
    if (!is_news(is_read, conditions, mine, now))
        return is_read ? FLARE__VERDICT_NOT_MODIFIED : FLARE__VERDICT_FAILED;
    if (method == FLARE_METHOD_GET && conditions->has_range &&
        !range_fits(conditions, mine, now))
        return FLARE__VERDICT_PROCEED_WHOLE;
    return FLARE__VERDICT_PROCEED;
}
