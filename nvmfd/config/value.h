/* SPDX-License-Identifier: BSD-2-Clause */
/* Single values of the file: what is one and what is none. */
#ifndef NVMFD_CONFIG_VALUE_H
#define NVMFD_CONFIG_VALUE_H

#include "config/config.h"

/* Whether hosts and nvmfd can say this name.  The kernel takes names that are no
 * NQNs by the specification, such as "testnqn"; so do we. */
bool value_is_name(const char *text);
/* A name, and not that of the discovery subsystem. */
bool value_is_subsystem(const char *text);
bool value_is_empty(const char *text);
bool value_is_serial(const char *text);
bool value_is_model(const char *text);
bool value_is_firmware(const char *text);
bool value_is_version(const char *text);
bool value_is_plain(const char *text);
bool value_is_address(const char *text);
bool value_is_prefix(const char *text);
bool value_is_device_name(const char *text);
bool value_is_port_number(const char *text);
bool value_is_eui64(const char *text);

/* A numeric IPv4 or IPv6 address; an IPv6 one may have a zone.  False: none such. */
struct value_address {
	enum config_family family;
	bool is_wildcard;
	uint8_t bytes[16];		/* network order, zeros behind */
	char zone[16];
};
bool value_address(const char *text, struct value_address *address);

/* A whole number, decimal or with 0x, perhaps with a minus sign. */
bool value_number(const char *text, int64_t *value);

/* 8 bytes as 16 digits. */
bool value_eui64(const char *text, uint8_t bytes[8]);

/* 16 bytes as 32 digits, with a dash or a colon behind any of them. */
bool value_id(const char *text, uint8_t bytes[16]);
#define VALUE_ID_TEXT 37
void value_id_text(const uint8_t bytes[16], char text[VALUE_ID_TEXT]);

#endif
