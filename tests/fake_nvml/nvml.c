/* A libnvidia-ml.so.1 without a GPU: the functions that nnlab calls, with fixed answers.
 *
 * Set in the environment of the program that loads it:
 *   FAKE_NVML_INIT  what nvmlInitWithFlags returns; 18 is a version mismatch
 *   FAKE_NVML_GPUS  how many GPUs there are, 1 if not set
 *   FAKE_NVML_LOST  index of one that is lost
 *   FAKE_NVML_MIG   index of one in MIG mode, with two instances
 *   FAKE_NVML_BARE  if set, no GPU has any sensor
 *   FAKE_NVML_SLOWED  bits of why clocks are lower; 4 is the power cap, 32 heat
 * Compiled with -DOLD it is a library that lacks what was added after 2019.
 */
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, LOST = 15 };

typedef unsigned long long bytes;
typedef struct { bytes total, free, used; } memory_v1;
typedef struct { unsigned version; bytes total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } rates;
typedef struct { unsigned pid; bytes used; unsigned instance, compute_instance; } process;
typedef struct { unsigned version, sensor; int celsius; } temperature_v1;
typedef struct { unsigned pid; bytes time; unsigned sm, memory, encoder, decoder; } sample;
typedef struct {
    unsigned field, scope; long long time, latency; unsigned type; int result; bytes value;
} field_value;

static const bytes GiB = 1ull << 30;

static int setting(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}

/* A handle is 1 + index; that of a MIG instance is 1000 + 10 * index + number. */
static void *handle(intptr_t number) { return (void *)number; }
static int is_instance(void *device) { return (intptr_t)device >= 1000; }
static int index_of(void *device) {
    intptr_t number = (intptr_t)device;
    return is_instance(device) ? (number - 1000) / 10 : number - 1;
}

static int sensor(void *device, unsigned *to, unsigned value) {
    if (index_of(device) == setting("FAKE_NVML_LOST", -1)) return LOST;
    if (getenv("FAKE_NVML_BARE") || is_instance(device)) return NOT_SUPPORTED;
    *to = value;
    return OK;
}

int nvmlInitWithFlags(unsigned flags) { return setting("FAKE_NVML_INIT", OK); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return "fake"; }

int nvmlSystemGetDriverVersion(char *to, unsigned size) {
    snprintf(to, size, "580.65.06");
    return OK;
}
int nvmlSystemGetCudaDriverVersion(int *to) { *to = 13000; return OK; }

int nvmlDeviceGetCount_v2(unsigned *to) { *to = setting("FAKE_NVML_GPUS", 1); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **to) {
    *to = handle(index + 1);
    return (int)index == setting("FAKE_NVML_LOST", -1) ? LOST : OK;
}
int nvmlDeviceGetName(void *device, char *to, unsigned size) {
    snprintf(to, size, "NVIDIA Fake 80GB%s", is_instance(device) ? " MIG 1g.10gb" : "");
    return OK;
}
int nvmlDeviceGetUUID(void *device, char *to, unsigned size) {
    snprintf(to, size, "%s-%08x-0000", is_instance(device) ? "MIG" : "GPU",
             (unsigned)(intptr_t)device);
    return OK;
}
int nvmlDeviceGetUtilizationRates(void *device, rates *to) { return sensor(device, &to->gpu, 96); }
int nvmlDeviceGetTemperature(void *device, unsigned kind, unsigned *to) {
    return sensor(device, to, 54);
}
int nvmlDeviceGetPowerUsage(void *device, unsigned *to) { return sensor(device, to, 412000); }
int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *to) {
    return sensor(device, to, 700000);
}
int nvmlDeviceGetClockInfo(void *device, unsigned kind, unsigned *to) {
    return sensor(device, to, kind == 2 ? 2619 : 1980);
}
int nvmlDeviceGetPerformanceState(void *device, unsigned *to) { return sensor(device, to, 0); }
/* Data-centre GPUs have no fan, and so has this one: nvmlDeviceGetFanSpeed. */
int nvmlDeviceGetFanSpeed(void *device, unsigned *to) { return NOT_SUPPORTED; }

int nvmlDeviceGetTemperatureThreshold(void *device, unsigned kind, unsigned *to) {
    return kind > 1 ? NOT_SUPPORTED : sensor(device, to, kind ? 89 : 92);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, bytes *to) {
    unsigned bits;
    int result = sensor(device, &bits, setting("FAKE_NVML_SLOWED", 0));
    if (result == OK) *to = bits;
    return result;
}
int nvmlDeviceGetCurrPcieLinkGeneration(void *device, unsigned *to) { return sensor(device, to, 5); }
int nvmlDeviceGetCurrPcieLinkWidth(void *device, unsigned *to) { return sensor(device, to, 16); }
int nvmlDeviceGetPcieThroughput(void *device, unsigned direction, unsigned *to) {
    return sensor(device, to, direction ? 2500000 : 300000); /* kB/s: received, sent */
}
int nvmlDeviceGetTotalEccErrors(void *device, unsigned kind, unsigned counter, bytes *to) {
    unsigned errors;
    int result = sensor(device, &errors, kind ? 0 : 3); /* uncorrected, corrected */
    if (result == OK) *to = errors;
    return result;
}

int nvmlDeviceGetMemoryInfo(void *device, memory_v1 *to) {
    if (getenv("FAKE_NVML_BARE")) return NOT_SUPPORTED;
    *to = (memory_v1){80 * GiB, 60 * GiB, 20 * GiB};
    return OK;
}

#ifndef OLD
int nvmlDeviceGetMemoryInfo_v2(void *device, memory_v2 *to) {
    if (getenv("FAKE_NVML_BARE")) return NOT_SUPPORTED;
    bytes total = is_instance(device) ? 10 * GiB : 80 * GiB;
    bytes used = (is_instance(device) ? 2 : 4 * (index_of(device) + 1)) * GiB;
    *to = (memory_v2){to->version, total, GiB, total - GiB - used, used};
    return OK;
}
int nvmlDeviceGetTemperatureV(void *device, temperature_v1 *to) {
    return sensor(device, (unsigned *)&to->celsius, 54);
}
int nvmlDeviceGetCurrentClocksEventReasons(void *device, bytes *to) {
    return nvmlDeviceGetCurrentClocksThrottleReasons(device, to);
}
/* NVLink counters in KiB: 1 GiB more at each question. */
int nvmlDeviceGetFieldValues(void *device, int count, field_value *to) {
    static bytes kilobytes = 0;
    unsigned there;
    int result = sensor(device, &there, 1);
    kilobytes += 1 << 20;
    for (int i = 0; i < count; i++) {
        to[i].result = result;
        to[i].value = kilobytes;
    }
    return OK;
}
/* The program that asks keeps the first GPU busy for 80 % of the time. */
int nvmlDeviceGetProcessUtilization(void *device, sample *to, unsigned *count, bytes since) {
    if (getenv("FAKE_NVML_BARE")) return NOT_SUPPORTED;
    if (index_of(device) != 0) return NOT_FOUND;
    unsigned room = *count;
    *count = 1;
    if (to == NULL || room < 1) return TOO_SMALL;
    to[0] = (sample){(unsigned)getpid(), since + 1, 80, 20, 0, 0};
    return OK;
}
int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *later) {
    *now = *later = index_of(device) == setting("FAKE_NVML_MIG", -1);
    return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *to) { *to = 7; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned number, void **to) {
    if (number > 1) return NOT_FOUND;
    *to = handle(1000 + 10 * index_of(device) + number);
    return OK;
}
/* The program that asks holds 2 GiB of the first GPU, and one that has ended 1 GiB. */
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, process *to) {
    if (getenv("FAKE_NVML_BARE")) return NOT_SUPPORTED;
    unsigned there = index_of(device) == 0 ? 2 : 0;
    unsigned room = *count;
    *count = there;
    if (room < there) return TOO_SMALL;
    if (there) {
        to[0] = (process){4194305, GiB, 0, 0}; /* above the largest id that Linux gives */
        to[1] = (process){(unsigned)getpid(), 2 * GiB, 0, 0};
    }
    return OK;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, process *to) {
    *count = 0;
    return OK;
}
#endif
