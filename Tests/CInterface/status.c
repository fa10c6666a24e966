// Statuses, texts, structures' sizes, devices.
#include "check.h"

void test_status(void) {
  CHECK(strcmp(martlet_version(), "0.1.0") == 0);
  martlet_free(NULL);

  // A failure's text stays until the next call, which clears it.
  FAILS(martlet_tensor_free(NULL), MARTLET_INVALID_HANDLE, "tensor must be the handle of a tensor, not null");
  CHECK(strstr(martlet_last_error(), "null"));
  int32_t devices = -1;
  OK(martlet_device_count(MARTLET_DEVICE_CPU, &devices));
  CHECK(devices == 1);
  OK(martlet_device_count(MARTLET_DEVICE_METAX, &devices));
  CHECK(devices >= 0);
  FAILS(martlet_device_count((martlet_device_type)7, &devices), MARTLET_INVALID_ARGUMENT, "not 7");
  FAILS(martlet_device_count(MARTLET_DEVICE_CPU, NULL), MARTLET_INVALID_ARGUMENT, "count");

  char *json = NULL;
  size_t length = 0;
  OK(martlet_devices(&json, &length));
  CHECK(json && strlen(json) == length && json[0] == '[' && strstr(json, "\"cpu\"") && strstr(json, "\"reason\""));
  martlet_free(json);
  OK(martlet_devices(&json, NULL));
  martlet_free(json);
  FAILS(martlet_devices(NULL, &length), MARTLET_INVALID_ARGUMENT, "json");

  FAILS(martlet_set_operator_threads(-1), MARTLET_INVALID_ARGUMENT, "threads");
  FAILS(martlet_set_operator_threads(1000000), MARTLET_INVALID_ARGUMENT, "threads");
  OK(martlet_set_operator_threads(1));
  OK(martlet_set_operator_threads(0));

  // Sizes that no version of the structure has, within a field or between two: nothing is written.
  martlet_request request, before;
  memset(&request, 0xAB, sizeof request);
  before = request;
  const size_t sizes[] = {0, 3, sizeof(size_t), 12, offsetof(martlet_request, top_p), sizeof request - 8, SIZE_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    FAILS(martlet_request_init(&request, sizes[i]), MARTLET_INVALID_ARGUMENT, "struct_size");
    CHECK(memcmp(&request, &before, sizeof request) == 0);
  }
  OK(martlet_request_init(&request, sizeof request));
  CHECK(request.top_p == 1 && request.repetition_penalty == 1 && request.logprobs == -1);
  FAILS(martlet_request_init(&request, sizeof request + 8), MARTLET_INVALID_ARGUMENT, "struct_size");
  FAILS(martlet_model_options_init((martlet_model_options *)&request, 12), MARTLET_INVALID_ARGUMENT, "struct_size");
  FAILS(martlet_request_init(NULL, sizeof request), MARTLET_INVALID_ARGUMENT, "request");
  FAILS(martlet_model_options_init(NULL, sizeof(martlet_model_options)), MARTLET_INVALID_ARGUMENT, "options");
}
