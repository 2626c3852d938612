; SPDX-License-Identifier: MIT
;
; Collective operations of the cores of a launch, or of launches on several chips, on a ring: core r only ever sends to
; core r + 1, and the last core of a chip to the first one of the next chip.
;
;       all-reduce       X[r] -> Y[r] = the sum of all X                        (-D GATHER=1 -D REDUCE=1, the default)
;       reduce-scatter   X[r] -> Y[r] = chunk r of the sum of all X             (-D GATHER=0)
;       all-gather       X[r] -> Y[r] = all X, one after the other              (-D REDUCE=0)
;
; A core has RANKS chunks of COLUMNS columns. In each of the RANKS - 1 steps of the first half it sends one chunk on, and adds
; its own to the one that it gets; after that core r has chunk r of the sum. In each step of the second half it sends on a
; chunk that is complete. Every core sends and receives in every step, so the time does not depend on how many there are.
;
; Chunk c is summed up from core c + 1 on, round the ring, and core c comes last: the same bits in every run.
;
; Arriving chunks need no permission. In the first half each step has a place of its own in the receiver. In the second half
; a chunk goes to where it belongs, and has been round the ring by then: whoever used that place passed it on before.
;
; From chip to chip a chunk goes through BOX, which is memory of the host that all chips have mapped. Each step has a place
; there, too. FLAGS[c] is how many chunks chip c has got: stored when the chunk has arrived in memory, never before, and read
; in a loop by POOL of the chip's first core, which then fetches the chunk. Both must be zero at first.

        .option CORES, 2                        ; of a chip
        .option CHIPS, 1
        .option COLUMNS, 256
        .option REDUCE, 1
        .option GATHER, 1
        .option BF16, 0                         ; the type of the elements, or
        .option F16, 0

        .if     CORES < 1 || CORES > 32
        .error  "CORES is not in 1..32"
        .endif
        .if     CHIPS < 1 || CHIPS > 64
        .error  "CHIPS is not in 1..64"
        .endif
        .if     COLUMNS < 1
        .error  "COLUMNS must be at least 1"
        .endif
        .if     !REDUCE && !GATHER
        .error  "REDUCE, GATHER or both must be 1"
        .endif
        .if     BF16 && F16
        .error  "BF16 and F16 are both 1"
        .endif
        .cores  CORES

        .equ    RANKS, CORES * CHIPS
        .equ    STEPS, RANKS - 1                ; of each half
        .equ    ROWS, 128
        .equ    SIZE, 4 >> (BF16 || F16)        ; of an element
        .equ    ALL, RANKS * COLUMNS
        .equ    CHUNK_BYTES, SIZE * COLUMNS     ; in a partition
        .equ    IN_COLUMNS, COLUMNS + (REDUCE != 0) * (ALL - COLUMNS)
        .equ    OUT_COLUMNS, COLUMNS + (GATHER != 0) * (ALL - COLUMNS)
        .equ    GATHERED, (REDUCE != 0) * STEPS ; chunks that a core gets before the second half
        .equ    SLOTS, GATHERED + (GATHER != 0) * STEPS
        .equ    SLOT_BYTES, ROWS * CHUNK_BYTES

        .if     CHIPS * SLOTS * SLOT_BYTES >= 1 << 31
        .error  "BOX would have 2 GiB or more"
        .endif

; SBUF: the chunks, and behind them a place for what arrives in each step of the first half.
        .equ    ARRIVALS, RANKS * CHUNK_BYTES
        .sbuf   ARRIVALS + STEPS * CHUNK_BYTES

        .sem    loaded, s0
        .sem    arrived, s1                     ; chunks of the first half, in this core
        .sem    added, s2
        .sem    gathered, s3                    ; chunks of the second half, in this core
        .sem    stored, s4
        .sem    sent, s5                        ; chunks of both
        .sem    barrier, s6
        .sem    halfway, s7

        .reg    core, r1                        ; of this chip
        .reg    rank, r2                        ; of all
        .reg    next, r3                        ; core
        .reg    at, r4                          ; byte of a chunk
        .reg    row, r5
        .reg    chip, r6
        .reg    other, r7                       ; the next chip
        .reg    flag, r8
        .reg    box, r9                         ; byte of what goes to, or comes from, another chip

        .macro  who_am_i
        core_rank core
        .if     CHIPS > 1
        load_arg chip, CHIP
        mul     rank, chip, CORES
        add     rank, rank, core
        .else
        add     rank, core, 0
        .endif
        .endm

; at = byte of chunk (rank - back) mod RANKS, for 0 <= back <= RANKS.
        .macro  chunk_at back
        add     at, rank, RANKS - (back)
        blt     at, RANKS, $inside
        sub     at, at, RANKS
$inside:
        mul     at, at, CHUNK_BYTES
        .endm

; Sends the chunk at `at` to `to` of the next core; it is the slot-th that goes there. The flag follows the chunk.
        .macro  send_on type, to, semaphore, slot
        .if     CHIPS > 1
        beq     core, CORES - 1, $far
        .endif
        .if     CORES > 1 || CHIPS == 1
        dma_send sbuf.type[0:ROWS, to, COLUMNS], sbuf.type[0:ROWS, at, COLUMNS], next, semaphore, ring=1, value=1 \
                then sent+=1
        .endif
        .if     CHIPS > 1
        jump    $sent
$far:
        dma_store BOX[box + (slot) * SLOT_BYTES, ROWS, COLUMNS], sbuf.type[0:ROWS, at, COLUMNS], ring=1 then sent+=1
        move    flag, slot + 1
        mem_store FLAGS.u32[other<<2], flag wait sent>=slot + 1
$sent:
        .endif
        .endm

; Fetches the slot-th chunk of another chip to `to`, once it is there.
        .macro  fetch type, to, semaphore, slot
$look:
        mem_load flag, FLAGS.u32[chip<<2]
        blt     flag, slot + 1, $look
        dma_load sbuf.type[0:ROWS, to, COLUMNS], BOX[box + (slot) * SLOT_BYTES, ROWS, COLUMNS], ring=3 \
                then semaphore+=1
        .endm

        .macro  ring type
        .param  X, in, type, CORES, ROWS, IN_COLUMNS
        .param  Y, out, type, CORES, ROWS, OUT_COLUMNS
        .if     CHIPS > 1
        .param  CHIP, scalar                    ; number of this chip, from 0
        .param  BOX, inout, type, CHIPS, SLOTS, ROWS, COLUMNS
        .param  FLAGS, inout, u32, CHIPS
        .endif

; ---- SP moves: in, to the next core, out.

        .engine sp
        who_am_i
        add     next, core, 1
        blt     next, CORES, $inside
        move    next, 0
$inside:
        .if     CHIPS > 1
        add     other, chip, 1
        blt     other, CHIPS, $before_last
        move    other, 0
$before_last:
        mul     box, other, SLOTS * SLOT_BYTES
        .endif
        mul     row, core, ROWS * SIZE * IN_COLUMNS
        .if     REDUCE
        dma_load sbuf.type[0:ROWS, 0, IN_COLUMNS], X[row, ROWS, IN_COLUMNS], ring=0 then loaded+=1
        .else
        chunk_at 0
        dma_load sbuf.type[0:ROWS, at, COLUMNS], X[row, ROWS, COLUMNS], ring=0 then loaded+=1
        .endif
        nop     wait loaded>=1

        .if     REDUCE
        .rept   STEPS, step
        chunk_at 1 + step
        nop     wait added>=step
        send_on type, ARRIVALS + step * CHUNK_BYTES, arrived, step
        .endr
        nop     wait added>=STEPS
        .endif

; That a chunk has been round the ring orders it after all that this chip did with its place. But the way leads through other
; chips, of which no semaphore of this one knows; these do.
        .if     REDUCE && GATHER && CHIPS > 1
        nop     wait sent>=STEPS
        .if     CORES > 1
        core_barrier barrier
        .endif
        nop     then halfway+=1
        .endif

        .if     GATHER
        .rept   STEPS, step
        chunk_at step
        nop     wait gathered>=step
        send_on type, at, gathered, GATHERED + step
        .endr
        nop     wait gathered>=STEPS
        .endif

        mul     row, core, ROWS * SIZE * OUT_COLUMNS
        .if     GATHER
        dma_store Y[row, ROWS, OUT_COLUMNS], sbuf.type[0:ROWS, 0, OUT_COLUMNS], ring=2 then stored+=1
        .else
        chunk_at 0
        dma_store Y[row, ROWS, COLUMNS], sbuf.type[0:ROWS, at, COLUMNS], ring=2 then stored+=1
        .endif
        nop     wait stored>=1
        end

; ---- DVE adds what arrives.

        .if     REDUCE && RANKS > 1
        .engine dve
        who_am_i
        nop     wait loaded>=1
        .rept   STEPS, step
        chunk_at 2 + step
        tensor_tensor sbuf.type[0:ROWS, at, COLUMNS], sbuf.type[0:ROWS, ARRIVALS + step * CHUNK_BYTES, COLUMNS], \
                sbuf.type[0:ROWS, at, COLUMNS], add wait arrived>=step + 1 then added+=1
        .endr
        end
        .endif

; ---- POOL of the first core fetches what other chips send.

        .if     CHIPS > 1
        .engine pool
        who_am_i
        bne     core, 0, $others
        mul     box, chip, SLOTS * SLOT_BYTES
        .if     REDUCE
        .rept   STEPS, step
        fetch   type, ARRIVALS + step * CHUNK_BYTES, arrived, step
        .endr
        .endif
        .if     GATHER
        .if     REDUCE
        nop     wait halfway>=1
        .endif
        .rept   STEPS, step
        chunk_at 1 + step
        fetch   type, at, gathered, GATHERED + step
        .endr
        .endif
$others:
        end
        .endif
        .endm

        .if     BF16
        ring    bf16
        .elif   F16
        ring    f16
        .else
        ring    f32
        .endif
