/* Python's dialect of JSON over cJSON: strict reading of hostile text, and json.dumps's way of writing. */
#ifndef NAC_JSON_H
#define NAC_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses one value and nothing after it. Refuses nesting deeper than 256, text over 64 MiB, duplicate keys, embedded NULs; accepts NaN,
   Infinity and -Infinity. `where` begins the message. The result belongs to the caller (cJSON_Delete). */
cJSON *nac_json_parse(const char *text, size_t size, const char *where);
/* A number, NaN and infinities included; false for anything else. */
bool nac_json_number(const cJSON *json, double *value);
/* Numbers that print as Python prints them: 1.0, 1e-07, NaN; and integers exactly. */
cJSON *nac_json_float(double value);
cJSON *nac_json_int(int64_t value);
/* As json.dumps prints it, to be freed with nac_free; NULL when out of memory. */
char *nac_json_print(const cJSON *json);

#endif
