/* Python's dialect of JSON over cJSON: strict reading of hostile text, and json.dumps's way of writing. */
#ifndef NAC_JSON_H
#define NAC_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses one value and nothing after it, as strictly as RFC 8259. Refuses nesting deeper than 256, text over 64 MiB, more than a million
   values, duplicate keys, NULs, half surrogate pairs and what is no UTF-8; accepts NaN, Infinity and -Infinity. `where` begins the message,
   which has line and column. The result belongs to the caller (cJSON_Delete). Numbers remember whether they were written as integers or
   floats, and large integers all their digits, so that printing writes what was read. */
cJSON *nac_json_parse(const char *text, size_t size, const char *where);
/* A number, NaN and infinities included; false, without an error, for anything else. */
bool nac_json_number(const cJSON *json, double *value);
/* The same for an exact integer: false for 1.0, 1.5 and what 64 bits do not hold. */
bool nac_json_integer(const cJSON *json, int64_t *value);
/* Numbers that print as Python prints them: 1.0, 1e-07, NaN; and integers exactly. NULL with an error when out of memory. */
cJSON *nac_json_float(double value);
cJSON *nac_json_int(int64_t value);
/* A number as Python's repr of a float, which is JSON's way of writing too but for nan, inf and -inf. 32 bytes hold each. */
void nac_repr(double value, char *out, size_t size);
/* As json.dumps prints it, to be freed with nac_free; NULL when out of memory or when a text is no UTF-8. */
char *nac_json_print(const cJSON *json);

#endif
