/* A rival written with the system's compiler: one kernel, timed on the CPUs given.

   Built once for each register width (-DBITS=512, 256 or 128), on x86-64 with AVX2 and FMA.
   reference                                          prints the kernels of this processor
   reference KERNEL BYTES SECONDS CPU[,CPU...]        prints its rate in operations/s or B/s

   BYTES is the working set of all threads together. The hot instructions are volatile assembly:
   a compiler can neither drop nor merge them. Every kernel's answer is compared with scalar C
   before it is timed. The rate is the median over windows of at least a millisecond, each from
   the first thread's start to the last one's end. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef float V __attribute__((vector_size(BITS / 8)));

#ifdef __AVX512VL__
#define ACCUMULATORS 24
#define XOR "vpxord"
#else
#define ACCUMULATORS 12
#define XOR "vpxor"
#endif
/* Multiply-adds beside additions: 12 chains of each where registers allow it; else 8 and 6, which
   step 3 and 4 times a turn, two of a kind in a row. One operand, y, serves all. */
#ifdef __AVX512VL__
#define MIX_FUSED 12
#define MIX_SUMS 12
#define MIX_STEPS 12
#define MIX_ROW 1
#else
#define MIX_FUSED 8
#define MIX_SUMS 6
#define MIX_STEPS 24
#define MIX_ROW 2
#endif
#define SCALAR 3.0
#define HUGE_PAGE (2l << 20)
/* Arrays begin at different places within a page, as 4-KiB aliasing would slow a triad down. */
#define STAGGER (21 * 64)
#define MOST_CHAINS 24
#define SHORTEST 1e-3
#define MOST_WINDOWS 100000
#define MOST_THREADS 1024

typedef struct {
    V *a, *b, *c; /* compute: results in a, operands in b */
    long bytes;   /* of each array */
} Memory;

/* ---- compute: independent chains; x is b[0], y is b[1], the starts follow ---- */

#define FMA(TYPE, v) asm volatile("vfmadd231" TYPE " %2, %1, %0" : "+v"(v) : "v"(x), "v"(y))
#define MUL(TYPE, v) asm volatile("vmul" TYPE " %1, %0, %0" : "+v"(v) : "v"(y))
#define ADD(TYPE, v) asm volatile("vadd" TYPE " %1, %0, %0" : "+v"(v) : "v"(y))
/* Two divides, and a root that adds to its own square: neither runs dry or can be skipped. */
#define DIV(TYPE, v)                                                         \
    asm volatile("vdiv" TYPE " %0, %1, %0\n\tvdiv" TYPE " %0, %2, %0" : "+v"(v) : "v"(x), "v"(y))
#define SQRT(TYPE, v)                                                        \
    asm volatile("vfmadd213" TYPE " %1, %0, %0\n\tvsqrt" TYPE " %0, %0" : "+v"(v) : "v"(x))
#define SQUARE(TYPE, v) asm volatile("vfmadd231" TYPE " %1, %1, %0" : "+v"(v) : "v"(y))
#define DOT(NAME, v) asm volatile(NAME " %2, %1, %0" : "+v"(v) : "v"(x), "v"(y))

#define COMPUTE(FUNCTION, EVEN, ODD, TYPE)                                     \
    static void FUNCTION(const Memory *m, long turns)                          \
    {                                                                          \
        V x = m->b[0], y = m->b[1], v[ACCUMULATORS];                           \
        (void)x, (void)y;                                                      \
        _Pragma("GCC unroll 32") for (int i = 0; i < ACCUMULATORS; i++)        \
            v[i] = m->b[2 + i];                                                \
        for (; turns; turns--) {                                               \
            _Pragma("GCC unroll 32") for (int i = 0; i < ACCUMULATORS; i += 2) \
            {                                                                  \
                EVEN(TYPE, v[i]);                                              \
                ODD(TYPE, v[i + 1]);                                           \
            }                                                                  \
        }                                                                      \
        _Pragma("GCC unroll 32") for (int i = 0; i < ACCUMULATORS; i++)        \
            m->a[i] = v[i];                                                    \
    }

COMPUTE(fma_f32, FMA, FMA, "ps")
COMPUTE(fma_f64, FMA, FMA, "pd")
COMPUTE(mul_f32, MUL, MUL, "ps")
COMPUTE(mul_f64, MUL, MUL, "pd")
COMPUTE(add_f32, ADD, ADD, "ps")
COMPUTE(add_f64, ADD, ADD, "pd")
COMPUTE(mul_add_f32, MUL, ADD, "ps")
COMPUTE(mul_add_f64, MUL, ADD, "pd")
COMPUTE(divide_f32, DIV, DIV, "ps")
COMPUTE(divide_f64, DIV, DIV, "pd")
COMPUTE(sqrt_f32, SQRT, SQRT, "ps")
COMPUTE(sqrt_f64, SQRT, SQRT, "pd")

#define MIXED(FUNCTION, TYPE)                                                  \
    static void FUNCTION(const Memory *m, long turns)                          \
    {                                                                          \
        V y = m->b[1], v[MIX_FUSED], s[MIX_SUMS];                              \
        _Pragma("GCC unroll 32") for (int i = 0; i < MIX_FUSED; i++)           \
            v[i] = m->b[2 + i];                                                \
        _Pragma("GCC unroll 32") for (int i = 0; i < MIX_SUMS; i++)            \
            s[i] = m->b[2 + MIX_FUSED + i];                                    \
        for (; turns; turns--) {                                               \
            _Pragma("GCC unroll 32") for (int i = 0; i < MIX_STEPS; i += MIX_ROW) \
            {                                                                  \
                SQUARE(TYPE, v[i % MIX_FUSED]);                                \
                if (MIX_ROW > 1)                                               \
                    SQUARE(TYPE, v[(i + 1) % MIX_FUSED]);                      \
                ADD(TYPE, s[i % MIX_SUMS]);                                    \
                if (MIX_ROW > 1)                                               \
                    ADD(TYPE, s[(i + 1) % MIX_SUMS]);                          \
            }                                                                  \
        }                                                                      \
        _Pragma("GCC unroll 32") for (int i = 0; i < MIX_FUSED; i++)           \
            m->a[i] = v[i];                                                    \
        _Pragma("GCC unroll 32") for (int i = 0; i < MIX_SUMS; i++)            \
            m->a[MIX_FUSED + i] = s[i];                                        \
    }

MIXED(fma_add_f32, "ps")
MIXED(fma_add_f64, "pd")
#ifdef __AVX512BF16__
COMPUTE(dot_bf16, DOT, DOT, "vdpbf16ps")
#endif
#ifdef __AVX512VNNI__
COMPUTE(dot_int8, DOT, DOT, "vpdpbusd")
#endif

/* ---- memory: so many passes over arrays of doubles ---- */

#define LOAD(v, place) asm volatile("vmovapd %1, %0" : "=v"(v) : "m"(place))
#define STORE(place, v) asm volatile("vmovapd %1, %0" : "=m"(place) : "v"(v))
#define STREAM(place, v) asm volatile("vmovntpd %1, %0" : "=m"(place) : "v"(v))
#define FOLD(v, place) asm volatile(XOR " %1, %0, %0" : "+v"(v) : "m"(place))
#define SCALED(v, s, place) asm volatile("vfmadd231pd %2, %1, %0" : "+v"(v) : "v"(s), "m"(place))

static V everywhere(double value)
{
    double lanes[BITS / 64];
    for (int i = 0; i < BITS / 64; i++)
        lanes[i] = value;
    V vector;
    memcpy(&vector, lanes, sizeof vector);
    return vector;
}

static void load(const Memory *m, long passes)
{
    V v[8] = {0};
    for (; passes; passes--)
        for (const V *b = m->b, *end = b + m->bytes / sizeof(V); b < end; b += 8)
            _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) FOLD(v[i], b[i]);
    /* A loop here would keep v in memory all along. */
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) m->a[i] = v[i];
}

#define WRITING(FUNCTION, GET, PUT)                                            \
    static void FUNCTION(const Memory *m, long passes)                         \
    {                                                                          \
        V s = everywhere(SCALAR), v, *end = m->a + m->bytes / sizeof(V);       \
        for (; passes; passes--) {                                             \
            const V *b = m->b, *c = m->c;                                      \
            for (V *a = m->a; a < end; a += 4, b += 4, c += 4)                 \
                _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)            \
                {                                                              \
                    GET;                                                       \
                    PUT(a[i], v);                                              \
                }                                                              \
        }                                                                      \
        (void)s;                                                               \
        asm volatile("sfence" ::: "memory");                                   \
    }

#define GET_SCALAR v = s
#define GET_COPY LOAD(v, b[i])
#define GET_TRIAD LOAD(v, b[i]); SCALED(v, s, c[i])
WRITING(store, GET_SCALAR, STORE)
WRITING(store_nt, GET_SCALAR, STREAM)
WRITING(copy, GET_COPY, STORE)
WRITING(copy_nt, GET_COPY, STREAM)
WRITING(triad, GET_TRIAD, STORE)
WRITING(triad_nt, GET_TRIAD, STREAM)

/* ---- the table ---- */

/* A compute kernel's steps: f fma, m mul, a add, v two divides, r root, of even and odd chains;
   q multiply-adds of the first chains and additions of the others; d dot product. */
typedef struct {
    const char *name;
    void (*run)(const Memory *, long);
    const char *steps;
    int item;           /* bytes of a lane that is summed up */
    double flops;       /* of all chains in a turn, a lane */
    int reads, writes;  /* arrays */
} Kernel;

#define HALF (ACCUMULATORS / 2.0)
static const Kernel kernels[] = {
    {"fma-float32", fma_f32, "ff", 4, 4 * HALF, 0, 0},
    {"fma-float64", fma_f64, "ff", 8, 4 * HALF, 0, 0},
    {"fp-mul-float32", mul_f32, "mm", 4, 2 * HALF, 0, 0},
    {"fp-mul-float64", mul_f64, "mm", 8, 2 * HALF, 0, 0},
    {"fp-add-float32", add_f32, "aa", 4, 2 * HALF, 0, 0},
    {"fp-add-float64", add_f64, "aa", 8, 2 * HALF, 0, 0},
    {"mul+add-float32", mul_add_f32, "ma", 4, 2 * HALF, 0, 0},
    {"mul+add-float64", mul_add_f64, "ma", 8, 2 * HALF, 0, 0},
    {"fma+add-float32", fma_add_f32, "q", 4, 3 * MIX_STEPS, 0, 0},
    {"fma+add-float64", fma_add_f64, "q", 8, 3 * MIX_STEPS, 0, 0},
    {"divide-float32", divide_f32, "vv", 4, 4 * HALF, 0, 0},
    {"divide-float64", divide_f64, "vv", 8, 4 * HALF, 0, 0},
    {"sqrt-float32", sqrt_f32, "rr", 4, 2 * HALF, 0, 0},
    {"sqrt-float64", sqrt_f64, "rr", 8, 2 * HALF, 0, 0},
#ifdef __AVX512BF16__
    {"dot-bfloat16", dot_bf16, "dd", 4, 8 * HALF, 0, 0},
#endif
#ifdef __AVX512VNNI__
    {"dot-int8", dot_int8, "dd", 4, 16 * HALF, 0, 0},
#endif
    {"load", load, "", 8, 0, 1, 0},
    {"store", store, "", 8, 0, 0, 1},
    {"store-nt", store_nt, "", 8, 0, 0, 1},
    {"copy", copy, "", 8, 0, 1, 1},
    {"copy-nt", copy_nt, "", 8, 0, 1, 1},
    {"triad", triad, "", 8, 0, 2, 1},
    {"triad-nt", triad_nt, "", 8, 0, 2, 1},
};
#define KERNELS (int)(sizeof kernels / sizeof *kernels)

/* ---- memory and its checks ---- */

static void fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(3);
}

static double drawn(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return 0.5 + (double)(*state >> 11) / (double)(1l << 53);
}

static void *mapped(long bytes)
{
    char *start = mmap(0, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        fail("there is too little memory");
    start += -(uintptr_t)start % HUGE_PAGE;
    madvise(start, bytes, MADV_HUGEPAGE);
    return start;
}

static void fill_streams(const Memory *m)
{
    uint64_t state = 1;
    for (long i = 0; i < m->bytes / 8; i++) {
        ((double *)m->b)[i] = drawn(&state) - 1;
        ((double *)m->c)[i] = drawn(&state) - 1;
        ((double *)m->a)[i] = -1;
    }
}

/* x anything, y so near to one that the products of a window make no denormals; x, too, if divided. */
static void fill_operands(const Memory *m, const Kernel *k)
{
    uint64_t state = 1;
    long lanes = BITS / 8 / k->item;
    for (long i = 0; i < (2 + MOST_CHAINS) * lanes; i++) {
        int near = i / lanes == 1 || (i / lanes == 0 && *k->steps == 'v');
        double value = near ? 1 - 1e-6 * drawn(&state) : drawn(&state);
        if (k->item == 8)
            ((double *)m->b)[i] = value;
        else
            ((float *)m->b)[i] = (float)value;
    }
    if (*k->steps == 'd') { /* numbers whose sums are exact; int8: 3 times 2, bfloat16: 1.5 times 2 */
        int narrow = !strcmp(k->name, "dot-int8");
        for (long i = 0; i < 2 * BITS / 16; i++)
            ((uint16_t *)m->b)[i] = i < BITS / 16 ? (narrow ? 0x0303 : 0x3fc0) : (narrow ? 0x0202 : 0x4000);
        memset(m->b + 2, 0, MOST_CHAINS * sizeof(V));
    }
}

static double stepped(char step, double x, double y, double v, int item)
{
    if (step == 'v')
        return item == 8 ? y / (x / v) : (float)y / ((float)x / (float)v);
    if (step == 'r')
        return item == 8 ? sqrt(fma(v, v, x)) : sqrtf(fmaf((float)v, (float)v, (float)x));
    if (step == 'q')
        return item == 8 ? fma(y, y, v) : fmaf((float)y, (float)y, (float)v);
    if (step == 'f')
        return item == 8 ? fma(x, y, v) : fmaf((float)x, (float)y, (float)v);
    if (item == 8)
        return step == 'm' ? v * y : v + y;
    return step == 'm' ? (float)v * (float)y : (float)v + (float)y;
}

static int mixed(const Kernel *k) { return *k->steps == 'q'; }

static int chains(const Kernel *k) { return mixed(k) ? MIX_FUSED + MIX_SUMS : ACCUMULATORS; }

/* What a chain does, and how often in a turn. */
static char step_of(const Kernel *k, int chain, int *often)
{
    int sum = mixed(k) && chain >= MIX_FUSED;
    *often = mixed(k) ? MIX_STEPS / (sum ? MIX_SUMS : MIX_FUSED) : 1;
    return mixed(k) ? (sum ? 'a' : 'q') : k->steps[chain % 2];
}

static int lane_right(const Memory *m, const Kernel *k, int chain, int lane, long turns)
{
    int lanes = BITS / 8 / k->item, at = chain * lanes + lane;
    if (*k->steps == 'd')
        return strcmp(k->name, "dot-int8") ? ((float *)m->a)[at] == 6 * turns : ((int *)m->a)[at] == 24 * turns;
#define IN(i) (k->item == 8 ? ((double *)m->b)[i] : ((float *)m->b)[i])
    double v = IN(2 * lanes + at);
    int often;
    char step = step_of(k, chain, &often);
    for (long turn = 0; turn < turns * often; turn++)
        v = stepped(step, IN(lane), IN(lanes + lane), v, k->item);
    return v == (k->item == 8 ? ((double *)m->a)[at] : ((float *)m->a)[at]);
}

static int compute_right(const Memory *m, const Kernel *k, long turns)
{
    int right = 1;
    for (int chain = 0; chain < chains(k); chain++)
        for (int lane = 0; lane < BITS / 8 / k->item; lane++)
            right &= lane_right(m, k, chain, lane, turns);
    return right;
}

static int stream_right(const Memory *m, const Kernel *k)
{
    const double *a = (double *)m->a, *b = (double *)m->b, *c = (double *)m->c;
    uint64_t folded = 0;
    for (int i = 0; !k->writes && i < 8 * BITS / 64; i++)
        folded ^= ((uint64_t *)a)[i];
    for (long i = 0; i < m->bytes / 8; i++) {
        folded ^= ((uint64_t *)b)[i];
        double wanted = k->reads == 2 ? fma(SCALAR, c[i], b[i]) : k->reads ? b[i] : SCALAR;
        if (k->writes && a[i] != wanted)
            return 0;
    }
    return k->writes || !folded;
}

/* ---- the team ---- */

static struct {
    const Kernel *kernel;
    long bytes;
    double seconds;
    int threads, cpus[MOST_THREADS];
    atomic_long arrived;
    double starts[MOST_THREADS], ends[MOST_THREADS];
} team;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void barrier(long *round)
{
    long all = team.threads * ++*round;
    atomic_fetch_add(&team.arrived, 1);
    while (atomic_load(&team.arrived) < all)
        __builtin_ia32_pause();
}

/* Seconds that the whole team takes for so many repetitions; the same on every thread. */
static double window(const Memory *m, int me, long repeats, long *round)
{
    barrier(round);
    team.starts[me] = now();
    team.kernel->run(m, repeats);
    team.ends[me] = now();
    barrier(round);
    double first = team.starts[0], last = team.ends[0];
    for (int i = 1; i < team.threads; i++) {
        first = fmin(first, team.starts[i]);
        last = fmax(last, team.ends[i]);
    }
    return last - first;
}

/* Seconds that the briefest of the team worked in the last window: without waiting for others. */
static double briefest(void)
{
    double least = team.ends[0] - team.starts[0];
    for (int i = 1; i < team.threads; i++)
        least = fmin(least, team.ends[i] - team.starts[i]);
    return least;
}

static Memory prepared(int me)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(team.cpus[me], &set);
    if (sched_setaffinity(0, sizeof set, &set))
        fail("the CPU can't be used");
    const Kernel *k = team.kernel;
    int arrays = k->reads + k->writes;
    long bytes = arrays ? team.bytes / team.threads / arrays / 512 * 512 : 4096;
    char *in = mapped(2 * bytes + 4 * STAGGER);
    Memory m = {mapped(bytes), (V *)(in + STAGGER), (V *)(in + bytes + 2 * STAGGER), bytes};
    if (bytes < 512)
        fail("the working set is too small");
    arrays ? fill_streams(&m) : fill_operands(&m, k);
    for (long repeats = 1; repeats < (arrays ? 2 : 4); repeats++) {
        k->run(&m, repeats);
        if (!(arrays ? stream_right(&m, k) : compute_right(&m, k, repeats)))
            fail("the kernel computes a wrong answer");
    }
    return m;
}

static int ascending(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void *member(void *number)
{
    int me = (int)(intptr_t)number, count = 0;
    long repeats = 1, round = 0;
    Memory m = prepared(me);
    double *seen = malloc(MOST_WINDOWS * sizeof *seen), total = 0;
    for (window(&m, me, repeats, &round); briefest() < SHORTEST; window(&m, me, repeats, &round))
        repeats *= 2;
    while (count < 3 || (total < team.seconds && count < MOST_WINDOWS))
        total += seen[count++] = window(&m, me, repeats, &round);
    if (me == 0) {
        const Kernel *k = team.kernel;
        double flops = k->flops * (BITS / 8 / k->item), bytes = (double)(k->reads + k->writes) * m.bytes;
        qsort(seen, count, sizeof *seen, ascending);
        double median = (seen[count / 2] + seen[(count - 1) / 2]) / 2;
        printf("%.9g\n", (flops + bytes) * team.threads * repeats / median);
    }
    free(seen);
    return 0;
}

static void use_cpus(char *list)
{
    for (char *one = strtok(list, ","); one && team.threads < MOST_THREADS; one = strtok(0, ","))
        team.cpus[team.threads++] = atoi(one);
}

int main(int count, char **words)
{
    for (int i = 0; count == 1 && i < KERNELS; i++)
        puts(kernels[i].name);
    if (count == 1)
        return 0;
    for (int i = 0; i < KERNELS; i++)
        if (!strcmp(words[1], kernels[i].name))
            team.kernel = &kernels[i];
    if (!team.kernel || count != 5)
        fail("there is no such kernel here");
    team.bytes = atol(words[2]);
    team.seconds = atof(words[3]);
    use_cpus(words[4]);
    pthread_t others[MOST_THREADS];
    for (int i = 1; i < team.threads; i++)
        if (pthread_create(&others[i], 0, member, (void *)(intptr_t)i))
            fail("a thread can't be started");
    member(0);
    for (int i = 1; i < team.threads; i++)
        pthread_join(others[i], 0);
    return 0;
}
