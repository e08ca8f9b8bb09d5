/*
 * hnsw/hnsw_handler.h
 *		What the handler's table takes from the catalog side of hnsw.
 */
#ifndef HNSW_HNSW_HANDLER_H
#define HNSW_HNSW_HANDLER_H

/* Whether an operator class is fit for hnsw; INFO messages say why it is not (amvalidate). */
extern bool hnsw_validate(Oid operator_class);

#endif
