// Tensors: making, borrowing, looking, copying.
#include "check.h"

static int releases;

static void release(void *context) {
  releases++;
  CHECK(*(int *)context == 17);
}

static martlet_tensor_info info_of(martlet_tensor_t tensor) {
  martlet_tensor_info info = {.struct_size = sizeof info};
  OK(martlet_tensor_describe(tensor, &info));
  return info;
}

static void test_looks(void) {
  float values[24];
  for (int i = 0; i < 24; i++) values[i] = (float)i;
  martlet_tensor_t tensor = tensor_of(values, 3, (int64_t[]){2, 3, 4});
  martlet_tensor_info info = info_of(tensor);
  CHECK(info.dimensions == 3 && info.shape[1] == 3 && info.strides[0] == 12 && info.strides[2] == 1);
  CHECK(info.dtype == MARTLET_DTYPE_F32 && info.element_size == 4 && info.element_count == 24);
  CHECK(info.is_contiguous && !info.read_only && info.device_type == MARTLET_DEVICE_CPU && info.device_index == 0);
  CHECK(((float *)info.data)[23] == 23);

  martlet_tensor_t view, permuted, slice, copy;
  OK(martlet_tensor_view(tensor, (int64_t[]){6, 4}, 2, &view));
  OK(martlet_tensor_permute(tensor, (size_t[]){2, 0, 1}, 3, &permuted));
  OK(martlet_tensor_slice(permuted, 0, 1, 3, &slice));
  // Looks outlive what they look at.
  OK(martlet_tensor_free(tensor));
  CHECK(holds(view, values, 24, 0));
  info = info_of(slice);
  CHECK(!info.is_contiguous && info.shape[0] == 2 && info.shape[2] == 3 && info.strides[0] == 1);
  const float expected[12] = {1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22};
  CHECK(holds(slice, expected, 12, 0));
  OK(martlet_tensor_contiguous(slice, &copy));
  CHECK(info_of(copy).is_contiguous && holds(copy, expected, 12, 0));
  FAILS(martlet_tensor_view(permuted, (int64_t[]){24}, 1, &tensor), MARTLET_INVALID_ARGUMENT, "contiguous first");
  FAILS(martlet_tensor_view(view, (int64_t[]){5, 5}, 2, &tensor), MARTLET_INVALID_ARGUMENT, "number of elements");
  FAILS(martlet_tensor_view(view, (int64_t[]){-6, -4}, 2, &tensor), MARTLET_INVALID_ARGUMENT, "shape[0]");
  FAILS(martlet_tensor_permute(view, (size_t[]){0, 0}, 2, &tensor), MARTLET_INVALID_ARGUMENT, "rearrange");
  FAILS(martlet_tensor_permute(view, (size_t[]){0, SIZE_MAX}, 2, &tensor), MARTLET_INVALID_ARGUMENT, "order[1]");
  FAILS(martlet_tensor_permute(view, (size_t[]){0}, 1, &tensor), MARTLET_INVALID_ARGUMENT, "rearrange");
  FAILS(martlet_tensor_slice(view, 0, 3, 2, &tensor), MARTLET_INVALID_ARGUMENT, "start and end");
  FAILS(martlet_tensor_slice(view, 0, -1, 2, &tensor), MARTLET_INVALID_ARGUMENT, "start and end");
  FAILS(martlet_tensor_slice(view, 0, 0, 7, &tensor), MARTLET_INVALID_ARGUMENT, "within shape");
  FAILS(martlet_tensor_slice(view, 9, 0, 1, &tensor), MARTLET_INVALID_ARGUMENT, "dimension 9");
  FAILS(martlet_tensor_load(slice, values, 48), MARTLET_INVALID_ARGUMENT, "contiguous");
  FAILS(martlet_tensor_load(copy, values, 47), MARTLET_INVALID_ARGUMENT, "47 bytes");
  FAILS(martlet_tensor_load(copy, NULL, 48), MARTLET_INVALID_ARGUMENT, "data");
  FAILS(martlet_tensor_read(copy, values, 44), MARTLET_INVALID_ARGUMENT, "48 bytes");
  FAILS(martlet_tensor_read(copy, NULL, 48), MARTLET_INVALID_ARGUMENT, "data");
  FAILS(martlet_tensor_copy(copy, MARTLET_DEVICE_METAX, 0, &tensor), MARTLET_DEVICE_UNAVAILABLE, "metax");
  OK(martlet_tensor_copy(slice, MARTLET_DEVICE_CPU, 0, &tensor));
  CHECK(info_of(tensor).is_contiguous && holds(tensor, expected, 12, 0));
  OK(martlet_tensor_free(tensor));
  OK(martlet_tensor_free(view));
  OK(martlet_tensor_free(permuted));
  OK(martlet_tensor_free(slice));
  OK(martlet_tensor_free(copy));
  FAILS(martlet_tensor_free(copy), MARTLET_INVALID_HANDLE, "freed");
}

static void test_making(void) {
  martlet_tensor_t tensor = NULL;
  // Elements of every type are moved as they are.
  static const size_t sizes[] = {0, 1, 1, 1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 16, 2};
  for (int dtype = 1; dtype <= 19; dtype++) {
    uint8_t bytes[6 * 16], read[6 * 16];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + 3);
    tensor = empty_of((martlet_dtype)dtype, 2, (int64_t[]){2, 3});
    CHECK(info_of(tensor).element_size == sizes[dtype]);
    OK(martlet_tensor_load(tensor, bytes, 6 * sizes[dtype]));
    martlet_tensor_t turned, straight;
    OK(martlet_tensor_permute(tensor, (size_t[]){1, 0}, 2, &turned));
    OK(martlet_tensor_contiguous(turned, &straight));
    OK(martlet_tensor_read(straight, read, 6 * sizes[dtype]));
    for (size_t row = 0; row < 3; row++) {
      for (size_t column = 0; column < 2; column++) {
        CHECK(memcmp(read + (row * 2 + column) * sizes[dtype], bytes + (column * 3 + row) * sizes[dtype], sizes[dtype]) == 0);
      }
    }
    OK(martlet_tensor_free(turned));
    OK(martlet_tensor_free(straight));
    OK(martlet_tensor_free(tensor));
  }
  tensor = empty_of(MARTLET_DTYPE_F64, 0, NULL);
  CHECK(info_of(tensor).element_count == 1);
  OK(martlet_tensor_free(tensor));
  tensor = empty_of(MARTLET_DTYPE_F32, 2, (int64_t[]){0, 5});
  CHECK(info_of(tensor).element_count == 0);
  OK(martlet_tensor_read(tensor, NULL, 0));
  OK(martlet_tensor_free(tensor));

  const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const int64_t huge[4] = {1LL << 40, 1LL << 40, 2, 2};
  const int64_t hollow[2] = {0, 1LL << 61};
  tensor = (martlet_tensor_t)&failures;
#define REFUSED(shape, count, dtype, device, index, status, words) \
  FAILS(martlet_tensor_create(shape, count, (martlet_dtype)(dtype), (martlet_device_type)(device), index, &tensor), status, \
        words)
  REFUSED(nine, 9, 13, 0, 0, MARTLET_INVALID_ARGUMENT, "0 to 8, not 9");
  REFUSED(nine, SIZE_MAX, 13, 0, 0, MARTLET_INVALID_ARGUMENT, "dimensions");
  REFUSED(NULL, 2, 13, 0, 0, MARTLET_INVALID_ARGUMENT, "shape");
  REFUSED(huge, 4, 13, 0, 0, MARTLET_INVALID_ARGUMENT, "shape");
  REFUSED(huge, 1, 14, 0, 0, MARTLET_DEVICE_UNAVAILABLE, "no room");
  REFUSED(hollow, 2, 13, 0, 0, MARTLET_INVALID_ARGUMENT, "shape");
  REFUSED(((int64_t[]){2, -1}), 2, 13, 0, 0, MARTLET_INVALID_ARGUMENT, "shape[1]");
  REFUSED(nine, 1, 0, 0, 0, MARTLET_INVALID_ARGUMENT, "dtype");
  REFUSED(nine, 1, 20, 0, 0, MARTLET_INVALID_ARGUMENT, "dtype");
  REFUSED(nine, 1, 13, 3, 0, MARTLET_INVALID_ARGUMENT, "device_type");
  REFUSED(nine, 1, 13, 2, 0, MARTLET_DEVICE_UNAVAILABLE, "metax");
  REFUSED(nine, 1, 13, 0, 1, MARTLET_DEVICE_UNAVAILABLE, "cpu:1");
  REFUSED(nine, 1, 13, 0, -1, MARTLET_DEVICE_UNAVAILABLE, "cpu:-1");
  CHECK(tensor == (martlet_tensor_t)&failures);
  FAILS(martlet_tensor_create(nine, 1, MARTLET_DTYPE_F32, MARTLET_DEVICE_CPU, 0, NULL), MARTLET_INVALID_ARGUMENT, "tensor");
}

static void test_borrowing(void) {
  float values[6] = {1, 2, 3, 4, 5, 6};
  int mark = 17;
  martlet_memory memory = {
      .struct_size = sizeof memory,
      .data = values,
      .dimensions = 2,
      .shape = (int64_t[]){2, 3},
      .dtype = MARTLET_DTYPE_F32,
      .device_type = MARTLET_DEVICE_CPU,
      .release = release,
      .context = &mark,
  };
  martlet_tensor_t tensor, column, out;
  OK(martlet_tensor_borrow(&memory, &tensor));
  CHECK(info_of(tensor).data == values);
  OK(martlet_tensor_slice(tensor, 1, 2, 3, &column));
  OK(martlet_tensor_free(tensor));
  CHECK(releases == 0);
  values[5] = 60;
  CHECK(holds(column, (float[]){3, 60}, 2, 0));
  OK(martlet_tensor_free(column));
  CHECK(releases == 1);

  // Rows that are all the same row, read-only.
  memory.strides = (int64_t[]){0, 1};
  memory.read_only = true;
  OK(martlet_tensor_borrow(&memory, &tensor));
  CHECK(info_of(tensor).read_only && holds(tensor, (float[]){1, 2, 3, 1, 2, 3}, 6, 0));
  out = empty_of(MARTLET_DTYPE_F32, 2, memory.shape);
  OK(martlet_rearrange(out, tensor));
  OK(martlet_add(out, out, tensor));
  CHECK(holds(out, (float[]){2, 4, 6, 2, 4, 6}, 6, 0));
  FAILS(martlet_add(tensor, out, out), MARTLET_INVALID_ARGUMENT, "Add: out must be writable");
  FAILS(martlet_tensor_load(tensor, values, sizeof values), MARTLET_INVALID_ARGUMENT, "writable");
  OK(martlet_tensor_free(tensor));
  OK(martlet_tensor_free(out));
  CHECK(releases == 2);

  // Whatever is refused is not released.
  martlet_memory wrong = memory;
  wrong.strides = (int64_t[]){-3, 1};
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "strides[0]");
  wrong.strides = (int64_t[]){INT64_MAX, INT64_MAX};
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "strides");
  wrong = memory;
  wrong.data = (char *)values + 1;
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "multiple of the element's 4 bytes");
  wrong.data = NULL;
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "data");
  wrong = memory;
  wrong.shape = (int64_t[]){1LL << 62, 3};
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "shape");
  wrong = memory;
  wrong.device_type = MARTLET_DEVICE_METAX;
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_DEVICE_UNAVAILABLE, "metax");
  wrong = memory;
  wrong.struct_size = sizeof wrong + 8;
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "struct_size");
  wrong.struct_size = 12;
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "memory->struct_size");
  wrong.struct_size = offsetof(martlet_memory, read_only);
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "memory->struct_size");
  wrong.struct_size = 0;
  FAILS(martlet_tensor_borrow(&wrong, &tensor), MARTLET_INVALID_ARGUMENT, "struct_size");
  FAILS(martlet_tensor_borrow(NULL, &tensor), MARTLET_INVALID_ARGUMENT, "memory");
  FAILS(martlet_tensor_borrow(&memory, NULL), MARTLET_INVALID_ARGUMENT, "tensor");
  CHECK(releases == 2);
}

/// Strides of dimensions in which nothing moves may be any number: nothing may be calculated with them.
static void test_idle_strides(void) {
  _Alignas(16) double values[2] = {3, 4};
  static const int64_t shapes[][3] = {{1, 1, 1}, {0, 2, 3}};
  const int64_t huge[3] = {INT64_MAX, INT64_MAX, 1LL << 62};
  static const struct {
    martlet_dtype dtype;
    size_t size;
  } types[] = {{MARTLET_DTYPE_C128, 16}, {MARTLET_DTYPE_F64, 8}, {MARTLET_DTYPE_F32, 4}, {MARTLET_DTYPE_BYTE, 1}};
  for (size_t type = 0; type < sizeof types / sizeof *types; type++) {
    for (size_t form = 0; form < 2; form++) {
      const int64_t *shape = shapes[form];
      martlet_memory memory = {
          .struct_size = sizeof memory, .data = values, .dimensions = 3, .shape = shape, .strides = huge, .dtype = types[type].dtype};
      // Any byte but 0 is true.
      memset(&memory.read_only, 0xFF, 1);
      martlet_tensor_t tensor, looks[5], copy;
      OK(martlet_tensor_borrow(&memory, &tensor));
      martlet_tensor_info info = info_of(tensor);
      uint8_t flag;
      memcpy(&flag, &info.read_only, 1);
      CHECK(flag == 1);
      CHECK(info.strides[0] == (form ? 6 : 1) && info.strides[1] == (form ? 3 : 1) && info.strides[2] == 1);
      CHECK(info.is_contiguous);
      OK(martlet_tensor_view(tensor, (int64_t[]){shape[0], shape[1] * shape[2]}, 2, &looks[0]));
      OK(martlet_tensor_permute(tensor, (size_t[]){2, 0, 1}, 3, &looks[1]));
      OK(martlet_tensor_slice(tensor, 1, 1, 1, &looks[2]));
      OK(martlet_tensor_slice(tensor, 1, 0, 1, &looks[3]));
      OK(martlet_tensor_contiguous(tensor, &looks[4]));
      for (size_t i = 0; i < 5; i++) {
        OK(martlet_tensor_copy(looks[i], MARTLET_DEVICE_CPU, 0, &copy));
        char read[16];
        info = info_of(looks[i]);
        CHECK(info.data == values);
        size_t bytes = info.element_count * types[type].size;
        OK(martlet_tensor_read(copy, read, bytes));
        CHECK(memcmp(read, values, bytes) == 0);
        OK(martlet_rearrange(copy, looks[i]));
        OK(martlet_tensor_free(copy));
        OK(martlet_tensor_free(looks[i]));
      }
      OK(martlet_tensor_free(tensor));
    }
  }
}

void test_tensors(void) {
  test_making();
  test_looks();
  test_borrowing();
  test_idle_strides();
}
