; SPDX-License-Identifier: MIT
;
; C = A^T B. A is [K, M] and B is [K, N], bf16, or f32 with -D IN_F32=1; C is [M, N], bf16, or f32 with -D OUT_F32=1.
;
; C is computed in blocks of up to 512 x 512: four PSUM banks, each with 128 rows of C. The cores of the launch share the
; blocks out among them, and know nothing else of each other. For each block, K goes by in steps of 128 rows:
;
;       HBM --SP--> SBUF slots --PE--> PSUM banks --ACT--> SBUF buffers --ACT--> HBM
;            rings 0, 1                      |               ring 2       ^
;                                            +-------- if C is f32 -------+
;
; The block is as large as it is because of memory: each byte that is loaded takes part in 512 multiplications, and PSUM
; still has room for the next block while the last one is stored.
;
; The three engines walk the same blocks in the same order, each in its own loop, and meet only at semaphores. Between any
; two of them lies a ring of places (slots, banks, buffers) with two counting semaphores: `full` counts places to be
; consumed, `free` counts places to be filled. Who needs a place takes one from the count, and waits while there is none:
;
;       producer:  take free>=1 ... fill ...  then full+=1
;       consumer:  take full>=1 ... use ...   then free+=1
;
; Both sides use the places in turn, so the counts say all there is to know. At the start the producer sets `free` to the
; number of places; a consumer cannot touch it before something is full.

        .option M, 512
        .option N, 512
        .option K, 512
        .option IN_F32, 0
        .option OUT_F32, 0

        .if     M < 1 || N < 1 || K < 1
        .error  "M, N and K must be at least 1"
        .endif

        .if     IN_F32
        .param  A, in, f32, K, M
        .param  B, in, f32, K, N
        .else
        .param  A, in, bf16, K, M
        .param  B, in, bf16, K, N
        .endif
        .if     OUT_F32
        .param  C, out, f32, M, N
        .else
        .param  C, out, bf16, M, N
        .endif

; ---- Tiling. All blocks and steps but the last along each dimension are whole; a *_LAST has 1 to so many.

        .equ    TILE_K, 128                     ; partitions: what the PE array sums over
        .equ    TILE_M, 128                     ; columns of the PE array: partitions of PSUM
        .equ    TILE_N, 512                     ; one PSUM bank of fp32
        .equ    BLOCK_M, 4 * TILE_M             ; so many banks
        .equ    K_STEPS, cdiv(K, TILE_K)
        .equ    M_BLOCKS, cdiv(M, BLOCK_M)
        .equ    N_BLOCKS, cdiv(N, TILE_N)
        .equ    K_LAST, K - (K_STEPS - 1) * TILE_K
        .equ    M_LAST, M - (M_BLOCKS - 1) * BLOCK_M
        .equ    N_LAST, N - (N_BLOCKS - 1) * TILE_N

; Registers count elements in 32 bits; the DMA shifts them to bytes.
        .if     K_STEPS * TILE_K * max(M, N) >= 1 << 31 || M * N >= 1 << 31
        .error  "a tensor has 2^31 elements or more: offsets would not fit the registers"
        .endif
        .equ    IN_SHIFT, 1 + (IN_F32 != 0)     ; log2 of the bytes of an element
        .equ    OUT_SHIFT, 1 + (OUT_F32 != 0)

; ---- SBUF: SLOTS places for a step's rows of A and B, then OUTS places for 128 rows of C.

        .equ    SLOTS, 4                        ; a power of two
        .equ    A_TILE_BYTES, TILE_M << IN_SHIFT
        .equ    B_AT, BLOCK_M << IN_SHIFT
        .equ    SLOT_BYTES, 2 * max(BLOCK_M, TILE_N) << IN_SHIFT
        .equ    OUTS, 2                         ; a power of two
        .equ    OUT_AT, SLOTS * SLOT_BYTES
        .equ    OUT_BYTES, TILE_N * 2
        .sbuf   OUT_AT + OUTS * OUT_BYTES

; ---- PSUM: every bank is a place for 128 rows of a block that is being summed up.

        .equ    BANKS, 8
        .equ    BANK_BYTES, 2048

; ---- Semaphores. DMA rings finish in order, but not with each other: A and B have a count each.

        .sem    slot_free, s0
        .sem    a_full, s1
        .sem    b_full, s2
        .sem    bank_free, s3
        .sem    bank_full, s4
        .sem    out_free, s5

; ---- Registers, the same on every engine.

        .reg    m, r1                           ; number of the block along M and N
        .reg    n, r2
        .reg    k, r3                           ; number of the step along K
        .reg    m0, r4                          ; first row of C in the block
        .reg    n0, r5                          ; first column
        .reg    slot, r6                        ; byte offsets of the place in turn
        .reg    bank, r7
        .reg    out, r8
        .reg    a, r9                           ; element offsets into the tensors
        .reg    b, r10
        .reg    c, r11
        .reg    cores, r12                      ; cores of this launch

; Moves to another place of a ring, whose size is a power of two.
        .macro  advance place, bytes, ring_bytes
        add     place, place, bytes
        and     place, place, ring_bytes - 1
        .endm

; `block` with the size that the block at m, n has: a macro of rows and columns.
        .macro  sized block, mt
        .if     N_LAST == TILE_N
        block   mt, TILE_N
        .elif   N_BLOCKS == 1
        block   mt, N_LAST
        .else
        beq     n, N_BLOCKS - 1, $last
        block   mt, TILE_N
        jump    $end
$last:  block   mt, N_LAST
$end:   nop
        .endif
        .endm

; This core's blocks, in the order that every engine keeps: counted along N, then along M, every cores-th one.
        .macro  for_each_block block
        core_rank n
        core_count cores
        move    m, 0
$row:   blt     n, N_BLOCKS, $found
        sub     n, n, N_BLOCKS
        add     m, m, 1
        jump    $row
$found: bge     m, M_BLOCKS, $done
        mul     m0, m, BLOCK_M
        mul     n0, n, TILE_N
        .if     M_BLOCKS > 1
        beq     m, M_BLOCKS - 1, $last
        sized   block, BLOCK_M
        jump    $step
        .endif
$last:  sized   block, M_LAST
$step:  add     n, n, cores
        jump    $row
$done:  end
        .endm

; ---- SP: loads rows of A and B into the slots.

        .engine sp

; kt rows of A and B. The slot is free for both once it is taken; each load reports to its own count.
        .macro  load_rows in, kt, mt, nt
        dma_load sbuf.in[0:kt, slot, mt], A[a<<IN_SHIFT, kt@(M << IN_SHIFT), mt], ring=0 \
                 take slot_free>=1 then a_full+=1
        dma_load sbuf.in[0:kt, B_AT + slot, nt], B[b<<IN_SHIFT, kt@(N << IN_SHIFT), nt], ring=1 \
                 then b_full+=1
        advance slot, SLOT_BYTES, SLOTS * SLOT_BYTES
        .endm

        .macro  load_step kt, mt, nt
        .if     IN_F32
        load_rows f32, kt, mt, nt
        .else
        load_rows bf16, kt, mt, nt
        .endif
        .endm

        .macro  load_block mt, nt
        add     a, m0, 0                        ; row 0 of A and B, at the block's columns
        add     b, n0, 0
        .if     K_STEPS > 1
        move    k, 1
$loop:  load_step TILE_K, mt, nt
        add     a, a, TILE_K * M
        add     b, b, TILE_K * N
        add     k, k, 1
        blt     k, K_STEPS, $loop
        .endif
        load_step K_LAST, mt, nt
        .endm

        nop     then slot_free=SLOTS
        move    slot, 0
        for_each_block load_block

; ---- PE: multiplies, and sums a block up in its banks.

        .engine pe

; rows of C, from column `at` of the slot's rows of A.
        .macro  multiply_tile in, kt, at, rows, nt, accumulation
        ldweights sbuf.in[0:kt, at + slot, rows]
        matmul  psum.f32[0:rows, bank, nt], sbuf.in[0:kt, B_AT + slot, nt], flags=accumulation
        advance bank, BANK_BYTES, BANKS * BANK_BYTES
        .endm

; One step along K, for all rows of the block; back to the block's first bank at the end.
        .macro  multiply_step kt, mt, nt, accumulation
        nop     take a_full>=1
        nop     take b_full>=1
        .rept   cdiv(mt, TILE_M), i
        .if     IN_F32
        multiply_tile f32, kt, i * A_TILE_BYTES, min(TILE_M, mt - i * TILE_M), nt, accumulation
        .else
        multiply_tile bf16, kt, i * A_TILE_BYTES, min(TILE_M, mt - i * TILE_M), nt, accumulation
        .endif
        .endr
        nop     then slot_free+=1
        advance slot, SLOT_BYTES, SLOTS * SLOT_BYTES
        advance bank, -cdiv(mt, TILE_M) * BANK_BYTES, BANKS * BANK_BYTES
        .endm

; The first step starts the sums, the last one stops them.
        .macro  multiply_block mt, nt
        nop     take bank_free>=cdiv(mt, TILE_M)
        .if     K_STEPS == 1
        multiply_step K_LAST, mt, nt, start|stop
        .else
        multiply_step TILE_K, mt, nt, start
        .if     K_STEPS > 2
        move    k, 2
$loop:  multiply_step TILE_K, mt, nt, 0
        add     k, k, 1
        blt     k, K_STEPS, $loop
        .endif
        multiply_step K_LAST, mt, nt, stop
        .endif
        nop     then bank_full+=cdiv(mt, TILE_M)
        advance bank, cdiv(mt, TILE_M) * BANK_BYTES, BANKS * BANK_BYTES
        .endm

        nop     then bank_free=BANKS
        move    slot, 0
        move    bank, 0
        for_each_block multiply_block

; ---- ACT: takes finished rows out of PSUM and stores them; on the way, rounds to C's type if that is not f32.

        .engine act

        .macro  store_tile rows, nt
        .if     OUT_F32
        dma_store C[c<<OUT_SHIFT, rows@(N << OUT_SHIFT), nt], psum.f32[0:rows, bank, nt], ring=2 \
                take bank_full>=1 then bank_free+=1
        .else
        nop     take out_free>=1                ; only the store's end frees the buffer
        copy    sbuf.bf16[0:rows, OUT_AT + out, nt], psum.f32[0:rows, bank, nt] \
                take bank_full>=1 then bank_free+=1
        dma_store C[c<<OUT_SHIFT, rows@(N << OUT_SHIFT), nt], sbuf.bf16[0:rows, OUT_AT + out, nt], ring=2 \
                then out_free+=1
        advance out, OUT_BYTES, OUTS * OUT_BYTES
        .endif
        add     c, c, TILE_M * N
        advance bank, BANK_BYTES, BANKS * BANK_BYTES
        .endm

        .macro  store_block mt, nt
        mul     c, m0, N
        add     c, c, n0
        .rept   cdiv(mt, TILE_M), i
        store_tile min(TILE_M, mt - i * TILE_M), nt
        .endr
        .endm

        nop     then out_free=OUTS
        move    bank, 0
        move    out, 0
        for_each_block store_block
