/* SPDX-License-Identifier: MIT */
/*
 * The parts of a whole multipart/form-data body, and its texts as parameters.
 */
#ifndef FLARE__HTTP_FORM_H
#define FLARE__HTTP_FORM_H

#include <flare/form.h>

#include "http/params.h"

/*
 * Reads a body of that Content-Type into `p`, which is cleared first: p->list
 * and p->rc for the urlencoded form and for the parts that are no files,
 * p->parts and p->parts_rc.  All is copied to the arena but the contents of
 * parts.  The codes are those of flare_req_form_check.
 */
void flare__form_read(struct flare__params *p, struct flare__arena *arena,
                      struct flare_str type, struct flare_str body);

#endif
