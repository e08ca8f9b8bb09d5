/*
 * storage/cold_read.h
 *		Whether a reader finds what it reads in memory; for the readers themselves
 *		(those who read see storage_read_batch and its like in vector_store.h).
 */
#ifndef STORAGE_COLD_READ_H
#define STORAGE_COLD_READ_H

#include "storage/vector_store.h"

/* A reader begins, or looks again: take the map's state over; advise the kernel about new blocks. */
extern void cold_read_begin(StorageReader *reader);

#endif
