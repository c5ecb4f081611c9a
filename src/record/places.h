/*
 * places: where in a file's code a uprobe is to be put for a symbol.
 */
#ifndef RECORD_PLACES_H
#define RECORD_PLACES_H

#include "record/symbols.h"

/* Finds those of `wanted` that no table of symbols has: SYMBOL_CALL, SYMBOL_METHOD,
 * SYMBOL_INNER. */
void places_find(struct symbols *s, struct symbol *wanted, size_t count);
/* Moves each found function's offset to where a uprobe costs little, if it has such a place. */
void places_cheap(struct symbols *s, struct symbol *wanted, size_t count);

#endif
