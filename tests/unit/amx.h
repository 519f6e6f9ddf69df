/* AMX on processors without it: the instructions that trap are carried out here, so that the code as it was compiled can be tested anywhere. */
#ifndef NAC_TEST_AMX_H
#define NAC_TEST_AMX_H

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

static _Thread_local struct {
    uint8_t bytes[8][16][64];
    int     rows[8], row_bytes[8];
} amx;

static int64_t amx_register(const ucontext_t *u, int n)
{
    static const int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return u->uc_mcontext.gregs[order[n]];
}

static float amx_float(const uint8_t *bf16)
{
    uint32_t u = (uint32_t)(bf16[0] | bf16[1] << 8) << 16;
    float    f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void amx_configure(const uint8_t *config)
{
    memset(&amx, 0, sizeof amx);
    for (int i = 0; i < 8; i++) {
        amx.row_bytes[i] = config[16 + 2 * i];
        amx.rows[i] = config[48 + i];
    }
}

static void amx_multiply(int c, int a, int b)
{
    for (int m = 0; m < amx.rows[c]; m++)
        for (int n = 0; n < amx.row_bytes[c] / 4; n++) {
            float sum, even = 0, odd = 0;
            for (int k = 0; k < amx.row_bytes[a] / 4; k++) {
                even += amx_float(&amx.bytes[a][m][4 * k]) * amx_float(&amx.bytes[b][k][4 * n]);
                odd += amx_float(&amx.bytes[a][m][4 * k + 2]) * amx_float(&amx.bytes[b][k][4 * n + 2]);
            }
            memcpy(&sum, &amx.bytes[c][m][4 * n], sizeof sum);
            sum += even + odd;
            memcpy(&amx.bytes[c][m][4 * n], &sum, sizeof sum);
        }
}

/* A trapped instruction: C4, then R X B map, then W vvvv L pp, the opcode, ModRM and what follows from it. */
static void amx_trap(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t    *u = context;
    const uint8_t *at = (const uint8_t *)u->uc_mcontext.gregs[REG_RIP], *next = at + 5;
    const int      prefix = at[2] & 3, other = ~at[2] >> 3 & 15, opcode = at[3], mod = at[4] >> 6, reg = at[4] >> 3 & 7, rm = at[4] & 7;
    uint8_t       *memory = NULL;
    int64_t        stride = 0;
    (void)info;
    if (at[0] != 0xc4 || (at[1] & 31) != 2 || (opcode != 0x49 && opcode != 0x4b && opcode != 0x5c)) {
        signal(signal_number, SIG_DFL);         /* not ours: it traps again */
        return;
    }
    if (mod != 3) {
        int     base = rm | (~at[1] >> 5 & 1) << 3;
        int64_t address;
        if (rm == 4) {
            const int index = (*next >> 3 & 7) | (~at[1] >> 6 & 1) << 3;
            base = (*next & 7) | (~at[1] >> 5 & 1) << 3;
            stride = index == 4 ? 0 : amx_register(u, index) << (*next >> 6);
            next++;
        }
        if (mod == 0 && (base & 7) == 5) {      /* no base: a number, after the instruction if there is no index byte */
            int32_t displacement;
            memcpy(&displacement, next, 4);
            next += 4;
            address = displacement + (rm == 4 ? 0 : (int64_t)next);
        } else {
            int32_t displacement = mod == 1 ? (int8_t)*next : 0;
            if (mod == 2)
                memcpy(&displacement, next, 4);
            next += mod == 1 ? 1 : mod == 2 ? 4 : 0;
            address = amx_register(u, base) + displacement;
        }
        memory = (uint8_t *)address;
    }
    if (opcode == 0x5c)
        amx_multiply(reg, rm, other);
    else if (opcode == 0x49 && memory)
        amx_configure(memory);
    else if (opcode == 0x49 && prefix == 3)
        memset(amx.bytes[reg], 0, sizeof amx.bytes[reg]);
    else if (opcode == 0x49)
        memset(&amx, 0, sizeof amx);
    else
        for (int i = 0; i < amx.rows[reg]; i++) {
            uint8_t *row = amx.bytes[reg][i], *there = memory + i * stride;
            memcpy(prefix == 2 ? there : row, prefix == 2 ? row : there, (size_t)amx.row_bytes[reg]);
        }
    u->uc_mcontext.gregs[REG_RIP] = (greg_t)next;
}

/* From now on, in all threads. */
static void amx_emulate(void)
{
    struct sigaction action = {.sa_sigaction = amx_trap, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
}

#endif
