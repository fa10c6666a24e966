// What stands behind the tables of `llaisysGetRuntimeAPI`: each of the twelve functions once, with the family as its first
// argument. Not part of the library's interface.
#ifndef MARTLET_RUNTIME_FUNCTIONS_H
#define MARTLET_RUNTIME_FUNCTIONS_H

#include "../llaisys.h"

/// The family's table; null for a number that is no family.
const LlaisysRuntimeAPI *runtime_table(llaisysDeviceType_t family);

int runtime_device_count(llaisysDeviceType_t family);
void runtime_set_device(llaisysDeviceType_t family, int index);
void runtime_synchronize_device(llaisysDeviceType_t family);
llaisysStream_t runtime_create_stream(llaisysDeviceType_t family);
void runtime_destroy_stream(llaisysDeviceType_t family, llaisysStream_t stream);
void runtime_synchronize_stream(llaisysDeviceType_t family, llaisysStream_t stream);
void *runtime_malloc_device(llaisysDeviceType_t family, size_t size);
void runtime_free_device(llaisysDeviceType_t family, void *pointer);
void *runtime_malloc_host(llaisysDeviceType_t family, size_t size);
void runtime_free_host(llaisysDeviceType_t family, void *pointer);
void runtime_copy(llaisysDeviceType_t family, void *destination, const void *source, size_t size, llaisysMemcpyKind_t kind);
void runtime_copy_async(llaisysDeviceType_t family, void *destination, const void *source, size_t size,
                        llaisysMemcpyKind_t kind, llaisysStream_t stream);

#endif
