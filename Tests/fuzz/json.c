// The reader of JSON on texts of any bytes: what it takes can be walked through, and a string that it read is the same
// when it is written and read again.
#include "io/json.h"
#include "io/buffer.h"
#include "support/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static spar_status parse(const void *text, size_t length, char **copy, spar_json *json) {
    *copy = malloc(length + 1);
    memcpy(*copy, text, length);
    (*copy)[length] = 0;
    return spar_json_parse(*copy, length, "the input", json);
}

static void check_string(const char *string) {
    spar_buffer buffer = {0};
    spar_json again;
    char *copy;
    spar_buffer_append_string(&buffer, string);
    FUZZ_REQUIRE(fuzz_succeeded(parse(buffer.data, buffer.length, &copy, &again)), "\"%s\" is written so: %s", string,
                 buffer.data);
    FUZZ_REQUIRE(strcmp(spar_json_string(again.root), string) == 0, "\"%s\" becomes \"%s\"", string,
                 spar_json_string(again.root));
    spar_json_free(&again);
    spar_buffer_free(&buffer);
    free(copy);
}

static size_t walk(spar_json_value value) {
    size_t values = 1;
    int64_t integer = 0;
    float number = 0;
    bool truth;
    if (spar_json_integer(value, -9, 9, &integer)) FUZZ_REQUIRE(integer >= -9 && integer <= 9, "out of range");
    if (spar_json_float(value, &number)) FUZZ_REQUIRE(isfinite(number), "a number that is not finite");
    spar_json_bool(value, &truth);
    if (spar_json_string(value) != NULL) check_string(spar_json_string(value));
    FUZZ_REQUIRE(!spar_json_is_array(value) || !spar_json_is_object(value), "an array and an object");
    for (spar_json_items items = spar_json_items_of(value); spar_json_next(&items);) {
        values += walk(items.value);
        if (items.key == NULL) continue;
        check_string(items.key);
        FUZZ_REQUIRE(spar_json_member(value, items.key) == items.value, "\"%s\" is not found", items.key);
    }
    return values;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    spar_json json;
    char *copy;
    if (fuzz_succeeded(parse(data, size, &copy, &json))) {
        FUZZ_REQUIRE(walk(json.root) <= size, "more values than bytes");
        for (size_t i = 0; i < json.key_count; i++) {
            FUZZ_REQUIRE(spar_json_member(json.root, json.keys[i]) == spar_json_value_of(json.keys[i]), "not \"%s\"'s",
                         json.keys[i]);
        }
        spar_json_free(&json);
    }
    free(copy);
    return 0;
}
