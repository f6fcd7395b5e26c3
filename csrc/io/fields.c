#include "io/fields.h"

#include "io/number.h"

#include <inttypes.h>
#include <string.h>

static void write_value(spar_field_type type, const void *place, spar_buffer *text) {
    const char *name;
    switch (type) {
    case SPAR_FIELD_INT:
        spar_buffer_append(text, "%d", *(const int32_t *)place);
        break;
    case SPAR_FIELD_COUNT:
        spar_buffer_append(text, "\"%" PRIu64 "\"", *(const uint64_t *)place);
        break;
    case SPAR_FIELD_FLOAT:
        spar_buffer_append_float(text, *(const float *)place);
        break;
    case SPAR_FIELD_BOOL:
        spar_buffer_append(text, "%s", *(const bool *)place ? "true" : "false");
        break;
    case SPAR_FIELD_NAME:
        name = *(const char *const *)place;
        if (name == NULL) spar_buffer_append(text, "null");
        if (name != NULL) spar_buffer_append_string(text, name);
        break;
    }
}

void spar_fields_write(const spar_field *fields, const void *object, spar_buffer *text) {
    for (const spar_field *field = fields; field != NULL && field->name != NULL; field++) {
        size_t before = text->length;
        spar_buffer_append(text, ",\"%s\":", field->name);
        size_t start = text->length;
        write_value(field->type, (const char *)object + field->offset, text);
        bool implied = !text->failed && field->missing != NULL && strcmp(text->data + start, field->missing) == 0;
        if (implied) spar_buffer_cut(text, before);
    }
}

static bool read_value(spar_field_type type, spar_json_value json, void *place) {
    int64_t integer;
    switch (type) {
    case SPAR_FIELD_INT:
        if (!spar_json_integer(json, INT32_MIN, INT32_MAX, &integer)) return false;
        *(int32_t *)place = (int32_t)integer;
        return true;
    case SPAR_FIELD_COUNT:
        return spar_read_unsigned(spar_json_string(json), place);
    case SPAR_FIELD_FLOAT:
        return spar_json_float(json, place);
    case SPAR_FIELD_BOOL:
        return spar_json_bool(json, place);
    case SPAR_FIELD_NAME:
        *(const char **)place = spar_json_string(json);
        return spar_json_string(json) != NULL || spar_json_is_null(json);
    }
    return false;
}

static bool is_known(const spar_field *fields, const char *const *others, const char *key) {
    for (; *others != NULL; others++) {
        if (strcmp(*others, key) == 0) return true;
    }
    for (; fields != NULL && fields->name != NULL; fields++) {
        if (strcmp(fields->name, key) == 0) return true;
    }
    return false;
}

spar_status spar_fields_read(const spar_field *fields, const char *const *others, spar_json_value json, void *object) {
    static const char *const expected[] = {[SPAR_FIELD_INT] = "a whole number below 2^31",
                                           [SPAR_FIELD_COUNT] = "a whole number in quotes",
                                           [SPAR_FIELD_FLOAT] = "a number",
                                           [SPAR_FIELD_BOOL] = "true or false",
                                           [SPAR_FIELD_NAME] = "a string or null"};
    if (!spar_json_is_object(json)) return spar_fail(SPAR_ERROR_FORMAT, "it is no object");
    for (spar_json_items items = spar_json_items_of(json); spar_json_next(&items);) {
        if (is_known(fields, others, items.key)) continue;
        return spar_fail(SPAR_ERROR_FORMAT, "\"%.100s\" is nothing that version %s knows", items.key, spar_version());
    }
    for (const spar_field *field = fields; field != NULL && field->name != NULL; field++) {
        spar_json_value value = spar_json_member(json, field->name);
        if (value == NULL) value = field->missing;
        if (value == NULL) return spar_fail(SPAR_ERROR_FORMAT, "\"%s\" is missing", field->name);
        if (read_value(field->type, value, (char *)object + field->offset)) continue;
        return spar_fail(SPAR_ERROR_FORMAT, "\"%s\" is not %s", field->name, expected[field->type]);
    }
    return SPAR_OK;
}
