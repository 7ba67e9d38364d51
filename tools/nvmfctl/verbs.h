/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nvmfctl can be told to do, as tables: help, completion and every call are made
 * from these rows.
 *
 *	nvmfctl OBJECT VERB PLACE... KEY=VALUE...
 */
#ifndef NVMFCTL_VERBS_H
#define NVMFCTL_VERBS_H

#include "client.h"

#include <stdbool.h>

/* A word, and the parameter of the call that it becomes. */
enum word_kind {
	WORD_TEXT,
	WORD_NUMBER,
	WORD_SIZE,			/* 64M */
	WORD_YES,			/* yes or no; of a key alone: yes */
	WORD_NUMBER_AS_TEXT,
};

struct word {
	const char *name;		/* in capitals for a place; NULL: the last */
	const char *to;			/* a parameter's name, or two with a dot between */
	const char *what;
	enum word_kind kind;
	bool is_optional;		/* of places; keys always are */
	const char *lists;		/* the object whose `show` has the words for it; or NULL */
};

struct request {
	int fd;				/* to the daemon; -1: the verb needs none */
	const struct verb *verb;
	json_t *params;			/* as the rows say */
	const char *name;		/* the first place; NULL: not given */
	bool as_json;
};

struct verb {
	const char *name;		/* "": the object is one itself; NULL: the last */
	const char *what;
	const char *method;		/* for `call`; NULL: `run` knows */
	const struct word *places, *keys;	/* NULL: none */
	const char *fixed;		/* JSON that every call has beside them; or NULL */
	/* NULL: the method is called, and its answer printed. */
	int (*run)(const struct request *);
	bool needs_no_daemon;
};

struct object {
	const char *name, *what;	/* NULL: the last */
	const struct verb *verbs;	/* the first is meant where none is said */
};

extern const struct object objects[];

/* NULL: none. */
const struct object *object_named(const char *name);
const struct verb *verb_named(const struct object *, const char *name);
/* The names, for guess(). */
const char *object_name(const void *objects, size_t n);
const char *verb_name(const void *verbs, size_t n);
const char *word_name(const void *words, size_t n);

/* Whether what stands first behind the object is its verb's name. */
static inline bool has_verbs(const struct object *o)
{
	return *o->verbs->name;
}

#endif
