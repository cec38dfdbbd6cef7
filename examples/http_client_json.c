/* SPDX-License-Identifier: MIT */
/*
 * Posts JSON, which the library writes, and reads the JSON of the reply, which
 * jansson does.
 *
 *   http_client_json URL NAME AGE
 *   http_client_json http://127.0.0.1:8080/echo Ada 36
 */
#include <flare/flare.h>

#include <jansson.h>
#include <stdio.h>

static void write_person(struct flare_json *json, const char *name,
                         uint64_t age)
{
    flare_json_begin_object(json);
    flare_json_key(json, "name");
    flare_json_string(json, flare_str(name));
    flare_json_key(json, "age");
    flare_json_u64(json, age);
    flare_json_end_object(json);
}

static int print_person(const flare_reply *reply, struct flare_error *err)
{
    struct flare_str body = flare_reply_body(reply);
    int rc = flare_reply_raise_for_status(reply, err);
    json_error_t why;
    json_t *person;
    const char *name;
    json_int_t age;

    if (rc < 0)
        return rc;
    person = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, &why);
    if (json_unpack_ex(person, &why, 0, "{s:s, s:I}", "name", &name, "age",
                       &age) == 0) {
        printf("%s, %lld\n", name, (long long)age);
    } else {
        snprintf(err->text, sizeof(err->text), "%.200s", why.text);
        rc = FLARE_E_BAD_JSON;
    }
    json_decref(person);
    return rc;
}

static int post(const char *url, const char *name, uint64_t age,
                struct flare_error *err)
{
    struct flare_json json;
    flare_reply *reply;
    int rc;

    flare_json_init(&json, NULL, 64 * 1024);
    write_person(&json, name, age);
    rc = flare_json_finish(&json);
    if (rc < 0)
        snprintf(err->text, sizeof(err->text), "%s", flare_strerror(rc));
    else
        rc = flare_post(url, "application/json", flare_json_bytes(&json),
                        &reply, err);
    if (rc == 0) {
        rc = print_person(reply, err);
        flare_reply_free(reply);
    }
    flare_json_fini(&json);
    return rc;
}

int main(int argc, char **argv)
{
    struct flare_error err = {0};
    uint64_t age;

    if (argc != 4 || flare_u64_parse(flare_str(argv[3]), &age) < 0)
        return fprintf(stderr, "usage: http_client_json URL NAME AGE\n"), 2;
    if (post(argv[1], argv[2], age, &err) < 0)
        return fprintf(stderr, "http_client_json: %s\n", err.text), 1;
    return 0;
}
