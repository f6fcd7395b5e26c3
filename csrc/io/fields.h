// Settings as members of a JSON object, by the lists that say what there is (spar_field in ops/layer.h).
#ifndef SPAR_IO_FIELDS_H
#define SPAR_IO_FIELDS_H

#include "io/buffer.h"
#include "io/json.h"
#include "ops/layer.h"

// Writes `,"name":value` for each field of what lies at `object`, but for those that have the value which a file
// without them means: older readers know nothing of these, and need not.
void spar_fields_write(const spar_field *fields, const void *object, spar_buffer *text);

// Reads them back: a member that is not there is its field's `missing`. Fails where that is NULL, and on a value of
// another type and on a member that is neither a field nor one of `others`, a list that NULL ends: whoever wrote that
// meant something. Strings that are read are parts of the JSON.
spar_status spar_fields_read(const spar_field *fields, const char *const *others, spar_json_value json, void *object);

#endif
