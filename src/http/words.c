/* SPDX-License-Identifier: MIT */
/*
 * Names of methods and reason phrases of status codes: the methods of RFC 9110
 * section 9 and RFC 5789, and the whole IANA "HTTP Status Code Registry" but
 * for its unused (306, 418) and temporary (104) entries.
 */
#include <flare/http.h>

static const char *const method_names[FLARE_METHOD_COUNT] = {
    [FLARE_METHOD_GET] = "GET",         [FLARE_METHOD_HEAD] = "HEAD",
    [FLARE_METHOD_POST] = "POST",       [FLARE_METHOD_PUT] = "PUT",
    [FLARE_METHOD_PATCH] = "PATCH",     [FLARE_METHOD_DELETE] = "DELETE",
    [FLARE_METHOD_OPTIONS] = "OPTIONS", [FLARE_METHOD_CONNECT] = "CONNECT",
    [FLARE_METHOD_TRACE] = "TRACE",
};

static const char *const reasons_1xx[] = {
    [0] = "Continue",
    [1] = "Switching Protocols",
    [2] = "Processing",
    [3] = "Early Hints",
};

static const char *const reasons_2xx[] = {
    [0] = "OK",
    [1] = "Created",
    [2] = "Accepted",
    [3] = "Non-Authoritative Information",
    [4] = "No Content",
    [5] = "Reset Content",
    [6] = "Partial Content",
    [7] = "Multi-Status",
    [8] = "Already Reported",
    [26] = "IM Used",
};

static const char *const reasons_3xx[] = {
    [0] = "Multiple Choices",   [1] = "Moved Permanently",  [2] = "Found",
    [3] = "See Other",          [4] = "Not Modified",       [5] = "Use Proxy",
    [7] = "Temporary Redirect", [8] = "Permanent Redirect",
};

static const char *const reasons_4xx[] = {
    [0] = "Bad Request",
    [1] = "Unauthorized",
    [2] = "Payment Required",
    [3] = "Forbidden",
    [4] = "Not Found",
    [5] = "Method Not Allowed",
    [6] = "Not Acceptable",
    [7] = "Proxy Authentication Required",
    [8] = "Request Timeout",
    [9] = "Conflict",
    [10] = "Gone",
    [11] = "Length Required",
    [12] = "Precondition Failed",
    [13] = "Content Too Large",
    [14] = "URI Too Long",
    [15] = "Unsupported Media Type",
    [16] = "Range Not Satisfiable",
    [17] = "Expectation Failed",
    [21] = "Misdirected Request",
    [22] = "Unprocessable Content",
    [23] = "Locked",
    [24] = "Failed Dependency",
    [25] = "Too Early",
    [26] = "Upgrade Required",
    [28] = "Precondition Required",
    [29] = "Too Many Requests",
    [31] = "Request Header Fields Too Large",
    [51] = "Unavailable For Legal Reasons",
};

static const char *const reasons_5xx[] = {
    [0] = "Internal Server Error",
    [1] = "Not Implemented",
    [2] = "Bad Gateway",
    [3] = "Service Unavailable",
    [4] = "Gateway Timeout",
    [5] = "HTTP Version Not Supported",
    [6] = "Variant Also Negotiates",
    [7] = "Insufficient Storage",
    [8] = "Loop Detected",
    [10] = "Not Extended",
    [11] = "Network Authentication Required",
};

#define REASONS(list)                                                          \
    {                                                                          \
        list, sizeof(list) / sizeof((list)[0])                                 \
    }

static const struct {
    const char *const *list;
    size_t count;
} reasons[] = {
    [1] = REASONS(reasons_1xx), [2] = REASONS(reasons_2xx),
    [3] = REASONS(reasons_3xx), [4] = REASONS(reasons_4xx),
    [5] = REASONS(reasons_5xx),
};

const char *flare_method_name(enum flare_method method)
{
    if ((unsigned)method >= FLARE_METHOD_COUNT)
        return NULL;
    return method_names[method];
}

const char *flare_status_reason(int status)
{
    const char *reason = NULL;

    if (status >= 100 && status <= 599) {
        size_t family = (size_t)status / 100, i = (size_t)status % 100;

        if (i < reasons[family].count)
            reason = reasons[family].list[i];
    }
    return reason != NULL ? reason : "Unknown";
}
