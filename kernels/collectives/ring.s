; SPDX-License-Identifier: MIT
;
; Collective operations of the cores of a launch, on a ring: core r only ever sends to core r + 1.
;
;       all-reduce       X[r] -> Y[r] = the sum of all X                        (-D GATHER=1 -D REDUCE=1, the default)
;       reduce-scatter   X[r] -> Y[r] = chunk r of the sum of all X             (-D GATHER=0)
;       all-gather       X[r] -> Y[r] = all X, one after the other              (-D REDUCE=0)
;
; A core has CORES chunks of COLUMNS columns. In each of the CORES - 1 steps of the first half it sends one chunk on, and adds
; its own to the one that it gets; after that core r has chunk r of the sum. In each step of the second half it sends on a
; chunk that is complete. Every core sends and receives in every step, so the time does not depend on how many there are.
;
; Chunk c is summed up from core c + 1 on, round the ring, and core c comes last: the same bits in every run.
;
; Arriving chunks need no permission. In the first half each step has a place of its own in the receiver. In the second half
; a chunk goes to where it belongs, and has been round the ring by then: whoever used that place passed it on before.

        .option CORES, 2
        .option COLUMNS, 256
        .option REDUCE, 1
        .option GATHER, 1

        .if     CORES < 1 || CORES > 32
        .error  "CORES is not in 1..32"
        .endif
        .if     COLUMNS < 1
        .error  "COLUMNS must be at least 1"
        .endif
        .if     !REDUCE && !GATHER
        .error  "REDUCE, GATHER or both must be 1"
        .endif
        .cores  CORES

        .equ    ROWS, 128
        .equ    ALL, CORES * COLUMNS
        .equ    CHUNK_BYTES, 4 * COLUMNS
        .equ    IN_COLUMNS, COLUMNS + (REDUCE != 0) * (ALL - COLUMNS)
        .equ    OUT_COLUMNS, COLUMNS + (GATHER != 0) * (ALL - COLUMNS)
        .param  X, in, f32, CORES, ROWS, IN_COLUMNS
        .param  Y, out, f32, CORES, ROWS, OUT_COLUMNS

; SBUF: the chunks, and behind them a place for what arrives in each step of the first half.
        .equ    ARRIVALS, CORES * CHUNK_BYTES
        .sbuf   ARRIVALS + (CORES - 1) * CHUNK_BYTES

        .sem    loaded, s0
        .sem    arrived, s1                     ; chunks of the first half, in this core
        .sem    added, s2
        .sem    gathered, s3                    ; chunks of the second half, in this core
        .sem    stored, s4

        .reg    rank, r1
        .reg    next, r2
        .reg    at, r3                          ; byte of a chunk
        .reg    row, r4

; at = byte of chunk (rank - back) mod CORES, for 0 <= back <= CORES.
        .macro  chunk_at back
        add     at, rank, CORES - (back)
        blt     at, CORES, $inside
        sub     at, at, CORES
$inside:
        mul     at, at, CHUNK_BYTES
        .endm

; ---- SP moves: in, to the next core, out.

        .engine sp
        core_rank rank
        add     next, rank, 1
        blt     next, CORES, inside
        move    next, 0
inside:
        mul     row, rank, ROWS
        .if     REDUCE
        mul     row, row, 4 * IN_COLUMNS
        dma_load sbuf.f32[0:ROWS, 0, IN_COLUMNS], X[row, ROWS@(4 * IN_COLUMNS), IN_COLUMNS], ring=0 then loaded+=1
        .else
        mul     row, row, 4 * IN_COLUMNS
        chunk_at 0
        dma_load sbuf.f32[0:ROWS, at, COLUMNS], X[row, ROWS@(4 * IN_COLUMNS), COLUMNS], ring=0 then loaded+=1
        .endif
        nop     wait loaded>=1

        .if     REDUCE
        .rept   CORES - 1, step
        chunk_at 1 + step
        nop     wait added>=step
        dma_send sbuf.f32[0:ROWS, ARRIVALS + step * CHUNK_BYTES, COLUMNS], sbuf.f32[0:ROWS, at, COLUMNS], next, \
                arrived, ring=1, value=1
        .endr
        nop     wait added>=CORES - 1
        .endif

        .if     GATHER
        .rept   CORES - 1, step
        chunk_at step
        nop     wait gathered>=step
        dma_send sbuf.f32[0:ROWS, at, COLUMNS], sbuf.f32[0:ROWS, at, COLUMNS], next, gathered, ring=1, value=1
        .endr
        nop     wait gathered>=CORES - 1
        .endif

        mul     row, rank, ROWS
        mul     row, row, 4 * OUT_COLUMNS
        .if     GATHER
        dma_store Y[row, ROWS@(4 * OUT_COLUMNS), OUT_COLUMNS], sbuf.f32[0:ROWS, 0, OUT_COLUMNS], ring=2 then stored+=1
        .else
        chunk_at 0
        dma_store Y[row, ROWS@(4 * OUT_COLUMNS), COLUMNS], sbuf.f32[0:ROWS, at, COLUMNS], ring=2 then stored+=1
        .endif
        nop     wait stored>=1
        end

; ---- DVE adds what arrives.

        .if     REDUCE && CORES > 1
        .engine dve
        core_rank rank
        nop     wait loaded>=1
        .rept   CORES - 1, step
        chunk_at 2 + step
        tensor_tensor sbuf.f32[0:ROWS, at, COLUMNS], sbuf.f32[0:ROWS, ARRIVALS + step * CHUNK_BYTES, COLUMNS], \
                sbuf.f32[0:ROWS, at, COLUMNS], add wait arrived>=step + 1 then added+=1
        .endr
        end
        .endif
