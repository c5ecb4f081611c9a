/*
 * bulk: memory for arrays of millions, in RAM as long as there is enough of it, then in a file.
 *
 * Who reads such arrays from one end to the other, a few times, does not need all of them in RAM
 * at once. What lies in the file is memory like any other; but where room is short the kernel
 * writes its pages out and reads them in again when they are asked for, and where it is not they
 * stay, and are never written. The file has no name, so that nobody else reads it, and nothing is
 * left of it however the program ends. On the disk its room is reserved beforehand: a disk that is
 * full makes what is new stay in RAM, and nothing fail.
 *
 * Each piece has pages of its own, so a small one wastes most of a page.
 */
#ifndef BASE_BULK_H
#define BASE_BULK_H

#include <stddef.h>
#include <stdint.h>

/* From now on no more than `bytes` are added to what is in RAM; what is beyond goes to a file in
 * the folder `dir`, once and for all that of the first call. Before it all stays in RAM. 0, or
 * -errno and no limit: no file can be made there, or it would lie in RAM itself. */
int bulk_limit(uint64_t bytes, const char *dir);
/* So many bytes are in the file, and were at most. */
uint64_t bulk_in_file(void);
uint64_t bulk_in_file_most(void);

/* NULL: there is no room. What is new is all zero. */
void *bulk_new(size_t size);
/* The same with what was in `old`, which is no more; NULL: `old` is as it was. */
void *bulk_resize(void *old, size_t size);
/* The pages that lie between the bytes `from` and `to` of it go back, and what they held is lost;
 * those up to `from` went before. */
void bulk_forget(void *piece, size_t from, size_t to);
/* NULL is allowed. */
void bulk_free(void *piece);

#endif
