// LLAISYS's runtime, tensors and operators.
#include "check.h"

#include <unistd.h>

static void test_tables(void) {
  const LlaisysRuntimeAPI *cpu = llaisysGetRuntimeAPI(LLAISYS_DEVICE_CPU);
  CHECK(cpu && cpu->get_device_count() == 1);
  cpu->set_device(0);
  OK(martlet_last_status());
  LEAVES(cpu->set_device(1), MARTLET_DEVICE_UNAVAILABLE, "cpu:1");
  cpu->device_synchronize();
  llaisysStream_t stream = cpu->create_stream();
  CHECK(martlet_last_status() == MARTLET_OK && stream == NULL);
  cpu->stream_synchronize(stream);
  int *a = cpu->malloc_device(4096), *b = cpu->malloc_host(4096), source[1024], target[1024];
  CHECK(a && b);
  for (int i = 0; i < 1024; i++) source[i] = i * i;
  cpu->memcpy_sync(a, source, 4096, LLAISYS_MEMCPY_H2D);
  cpu->memcpy_async(b, a, 4096, LLAISYS_MEMCPY_D2D, stream);
  cpu->stream_synchronize(stream);
  cpu->memcpy_sync(target, b, 4096, LLAISYS_MEMCPY_D2H);
  CHECK(memcmp(source, target, 4096) == 0);
  cpu->memcpy_sync(NULL, NULL, 0, LLAISYS_MEMCPY_H2H);
  OK(martlet_last_status());
  LEAVES(cpu->memcpy_sync(NULL, source, 4, LLAISYS_MEMCPY_H2H), MARTLET_INVALID_ARGUMENT, "dst");
  LEAVES(cpu->memcpy_sync(target, NULL, 4, LLAISYS_MEMCPY_H2H), MARTLET_INVALID_ARGUMENT, "src");
  LEAVES(cpu->memcpy_sync(target, source, SIZE_MAX, LLAISYS_MEMCPY_H2H), MARTLET_INVALID_ARGUMENT, "size");
  LEAVES(cpu->memcpy_sync(target, source, 4, (llaisysMemcpyKind_t)9), MARTLET_INVALID_ARGUMENT, "kind");
  CHECK(cpu->malloc_device(SIZE_MAX) == NULL);
  CHECK(cpu->malloc_host((size_t)1 << 60) == NULL);
  LEAVES(cpu->malloc_host((size_t)1 << 60), MARTLET_DEVICE_UNAVAILABLE, "no room");
  cpu->free_device(a);
  cpu->free_host(b);
  cpu->free_device(NULL);
  cpu->destroy_stream(stream);
  OK(martlet_last_status());

  // A family that is not there has all its functions; they count nothing and refuse the rest.
  const LlaisysRuntimeAPI *metax = llaisysGetRuntimeAPI(LLAISYS_DEVICE_METAX);
  CHECK(metax && metax != cpu && llaisysGetRuntimeAPI(LLAISYS_DEVICE_NVIDIA));
  if (metax->get_device_count() == 0) {
    LEAVES(metax->set_device(0), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->device_synchronize(), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->create_stream(), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->destroy_stream(NULL), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->stream_synchronize(NULL), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->malloc_device(8), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->free_device(NULL), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->malloc_host(8), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->free_host(NULL), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->memcpy_sync(target, source, 4, LLAISYS_MEMCPY_D2H), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(metax->memcpy_async(target, source, 4, LLAISYS_MEMCPY_D2H, NULL), MARTLET_DEVICE_UNAVAILABLE, "metax");
    LEAVES(llaisysSetContextRuntime(LLAISYS_DEVICE_METAX, 0), MARTLET_DEVICE_UNAVAILABLE, "metax");
  }
  CHECK(llaisysGetRuntimeAPI((llaisysDeviceType_t)3) == NULL);
  llaisysSetContextRuntime(LLAISYS_DEVICE_CPU, 0);
  OK(martlet_last_status());
  LEAVES(llaisysSetContextRuntime(LLAISYS_DEVICE_CPU, 4), MARTLET_DEVICE_UNAVAILABLE, "cpu:4");
}

static llaisysTensor_t make(size_t rows, size_t columns, llaisysDataType_t dtype) {
  llaisysTensor_t tensor = tensorCreate((size_t[]){rows, columns}, 2, dtype, LLAISYS_DEVICE_CPU, 0);
  OK(martlet_last_status());
  return tensor;
}

static void test_looks(void) {
  int64_t values[60];
  for (int i = 0; i < 60; i++) values[i] = i;
  llaisysTensor_t tensor = tensorCreate((size_t[]){3, 4, 5}, 3, LLAISYS_DTYPE_I64, LLAISYS_DEVICE_CPU, 0);
  tensorLoad(tensor, values);
  size_t shape[3];
  ptrdiff_t strides[3];
  tensorGetShape(tensor, shape);
  tensorGetStrides(tensor, strides);
  CHECK(tensorGetNdim(tensor) == 3 && shape[2] == 5 && strides[0] == 20 && strides[2] == 1);
  CHECK(tensorGetDataType(tensor) == LLAISYS_DTYPE_I64 && tensorGetDeviceType(tensor) == LLAISYS_DEVICE_CPU);
  CHECK(tensorGetDeviceId(tensor) == 0 && tensorIsContiguous(tensor) == 1);
  CHECK(((int64_t *)tensorGetData(tensor))[59] == 59);
  llaisysTensor_t view = tensorView(tensor, (size_t[]){6, 10}, 2), permuted = tensorPermute(tensor, (size_t[]){2, 0, 1});
  llaisysTensor_t slice = tensorSlice(tensor, 2, 1, 4);
  tensorGetStrides(permuted, strides);
  CHECK(strides[0] == 1 && strides[1] == 20 && strides[2] == 5 && tensorIsContiguous(permuted) == 0);
  CHECK(((int64_t *)tensorGetData(slice))[0] == 1);
  tensorGetShape(view, shape);
  CHECK(tensorGetNdim(view) == 2 && shape[1] == 10);
  LEAVES(tensorView(permuted, (size_t[]){60}, 1), MARTLET_INVALID_ARGUMENT, "contiguous");
  CHECK(tensorView(permuted, (size_t[]){60}, 1) == NULL);
  CHECK(tensorSlice(tensor, 0, 2, 1) == NULL && tensorSlice(tensor, 0, 0, SIZE_MAX) == NULL);
  CHECK(tensorPermute(tensor, (size_t[]){0, 1, 1}) == NULL && tensorPermute(tensor, NULL) == NULL);
  CHECK(tensorCreate((size_t[]){SIZE_MAX}, 1, LLAISYS_DTYPE_F32, LLAISYS_DEVICE_CPU, 0) == NULL);
  CHECK(tensorCreate((size_t[]){2}, 1, LLAISYS_DTYPE_INVALID, LLAISYS_DEVICE_CPU, 0) == NULL);
  CHECK(tensorCreate((size_t[]){2}, 1, LLAISYS_DTYPE_F32, LLAISYS_DEVICE_METAX, 0) == NULL);
  LEAVES(tensorLoad(tensor, NULL), MARTLET_INVALID_ARGUMENT, "data");
  LEAVES(tensorGetShape(tensor, NULL), MARTLET_INVALID_ARGUMENT, "shape");
  LEAVES(tensorGetStrides(tensor, NULL), MARTLET_INVALID_ARGUMENT, "strides");
  tensorDestroy(tensor);
  tensorDestroy(NULL);
  OK(martlet_last_status());
  LEAVES(tensorDestroy(tensor), MARTLET_INVALID_HANDLE, "freed");
  CHECK(tensorGetData(tensor) == NULL && tensorGetNdim(tensor) == 0);
  CHECK(tensorGetDataType(tensor) == LLAISYS_DTYPE_INVALID && tensorIsContiguous(tensor) == 0);
  LEAVES(tensorDebug(tensor), MARTLET_INVALID_HANDLE, "freed");
  CHECK(((int64_t *)tensorGetData(view))[10] == 10);
  tensorDestroy(view);
  tensorDestroy(permuted);
  tensorDestroy(slice);
}

/// What `tensorDebug` prints, compared with what LLAISYS prints.
static void test_debug(void) {
  float values[4] = {1.5f, -2, 1e10f, 0.333333343f};
  llaisysTensor_t tensor = make(2, 2, LLAISYS_DTYPE_F32);
  tensorLoad(tensor, values);
  llaisysTensor_t turned = tensorPermute(tensor, (size_t[]){1, 0});
  char text[256] = {0};
  fflush(stdout);
  int saved = dup(STDOUT_FILENO), ends[2];
  CHECK(pipe(ends) == 0);
  dup2(ends[1], STDOUT_FILENO);
  tensorDebug(turned);
  dup2(saved, STDOUT_FILENO);
  close(ends[1]);
  CHECK(read(ends[0], text, sizeof text - 1) > 0);
  close(ends[0]);
  close(saved);
  CHECK(strcmp(text, "Tensor: shape[ 2 2 ] strides[ 1 2 ] dtype=13\n1.5 1e+10 \n-2 0.333333 \n") == 0);
  tensorDestroy(turned);
  tensorDestroy(tensor);
}

static void test_calls(void) {
  float values[6] = {1, 2, 3, 4, 5, 6};
  llaisysTensor_t a = make(2, 3, LLAISYS_DTYPE_F32), c = make(2, 3, LLAISYS_DTYPE_F32), square = make(2, 2, LLAISYS_DTYPE_F32);
  tensorLoad(a, values);
  llaisysAdd(c, a, a);
  CHECK(martlet_last_status() == MARTLET_OK && ((float *)tensorGetData(c))[5] == 12);
  llaisysSwiGLU(c, a, a);
  OK(martlet_last_status());
  llaisysRearrange(c, a);
  CHECK(((float *)tensorGetData(c))[4] == 5);
  llaisysLinear(square, a, c, NULL);
  CHECK(((float *)tensorGetData(square))[3] == 77);
  llaisysTensor_t ids = tensorCreate((size_t[]){2}, 1, LLAISYS_DTYPE_I64, LLAISYS_DEVICE_CPU, 0);
  tensorLoad(ids, (int64_t[]){1, 0});
  llaisysEmbedding(c, ids, a);
  CHECK(((float *)tensorGetData(c))[0] == 4);
  llaisysTensor_t row = tensorSlice(a, 0, 1, 2), vector = tensorView(row, (size_t[]){3}, 1);
  llaisysRmsNorm(c, a, vector, 1e-6f);
  OK(martlet_last_status());
  llaisysTensor_t one = tensorCreate((size_t[]){1}, 1, LLAISYS_DTYPE_I64, LLAISYS_DEVICE_CPU, 0);
  llaisysTensor_t most = tensorCreate((size_t[]){1}, 1, LLAISYS_DTYPE_F32, LLAISYS_DEVICE_CPU, 0);
  llaisysArgmax(one, most, vector);
  CHECK(*(int64_t *)tensorGetData(one) == 2 && *(float *)tensorGetData(most) == 6);
  llaisysTensor_t heads = tensorView(square, (size_t[]){2, 1, 2}, 3);
  llaisysROPE(heads, heads, ids, 10000);
  OK(martlet_last_status());
  llaisysTensor_t out = tensorCreate((size_t[]){2, 1, 2}, 3, LLAISYS_DTYPE_F32, LLAISYS_DEVICE_CPU, 0);
  llaisysSelfAttention(out, heads, heads, heads, 0.5f);
  OK(martlet_last_status());
  LEAVES(llaisysAdd(c, a, square), MARTLET_INVALID_ARGUMENT, "Add: b");
  LEAVES(llaisysAdd(c, a, NULL), MARTLET_INVALID_HANDLE, "Add: b");
  LEAVES(llaisysArgmax(a, most, vector), MARTLET_INVALID_ARGUMENT, "Argmax: index");
  LEAVES(llaisysEmbedding(c, a, a), MARTLET_INVALID_ARGUMENT, "Embedding: ids");
  LEAVES(llaisysLinear(c, a, a, NULL), MARTLET_INVALID_ARGUMENT, "Linear: out");
  LEAVES(llaisysRearrange(c, square), MARTLET_INVALID_ARGUMENT, "Rearrange: out");
  LEAVES(llaisysRmsNorm(c, a, a, 1), MARTLET_INVALID_ARGUMENT, "RMSNorm: weight");
  LEAVES(llaisysROPE(a, a, ids, 10000), MARTLET_INVALID_ARGUMENT, "RoPE: x");
  LEAVES(llaisysSelfAttention(a, heads, heads, heads, 1), MARTLET_INVALID_ARGUMENT, "SelfAttention: out");
  LEAVES(llaisysSwiGLU(c, a, square), MARTLET_INVALID_ARGUMENT, "SwiGLU: up");
  llaisysTensor_t all[] = {a, c, square, ids, row, vector, one, most, heads, out};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) tensorDestroy(all[i]);
  OK(martlet_last_status());
}

void test_llaisys(void) {
  test_tables();
  test_looks();
  test_debug();
  test_calls();
}
