; SPDX-License-Identifier: MIT
;
; C = A^T B. A is [K, M] and B is [K, N], both bf16; C is [M, N], bf16, or f32 with -D OUT_F32=1.
;
; C is computed in blocks of up to 128 x 512, the size of one PSUM bank. For each block, K goes by in tiles of 128 rows:
;
;       HBM --SP--> SBUF slots --PE--> PSUM banks --ACT--> SBUF buffers --ACT--> HBM
;            rings 0, 1                                            ring 2
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
        .option OUT_F32, 0

        .if     M < 1 || N < 1 || K < 1
        .error  "M, N and K must be at least 1"
        .endif

        .param  A, in, bf16, K, M
        .param  B, in, bf16, K, N
        .if     OUT_F32
        .param  C, out, f32, M, N
        .else
        .param  C, out, bf16, M, N
        .endif

; ---- Tiling. All tiles but the last along each dimension are whole; a *_LAST has 1 to so many.

        .equ    TILE_K, 128                     ; partitions: what the PE array sums over
        .equ    TILE_M, 128                     ; columns of the PE array: partitions of PSUM
        .equ    TILE_N, 512                     ; one PSUM bank of fp32
        .equ    K_TILES, cdiv(K, TILE_K)
        .equ    M_TILES, cdiv(M, TILE_M)
        .equ    N_TILES, cdiv(N, TILE_N)
        .equ    K_LAST, K - (K_TILES - 1) * TILE_K
        .equ    M_LAST, M - (M_TILES - 1) * TILE_M
        .equ    N_LAST, N - (N_TILES - 1) * TILE_N

; Registers count elements in 32 bits; the DMA shifts them to bytes.
        .if     K_TILES * TILE_K * max(M, N) >= 1 << 31 || M * N >= 1 << 31
        .error  "a tensor has 2^31 elements or more: offsets would not fit the registers"
        .endif
        .equ    IN_SHIFT, 1                     ; log2 of the bytes of a bf16
        .equ    OUT_SHIFT, 2 - (OUT_F32 == 0)

; ---- SBUF: SLOTS places for a tile of A and one of B, then OUTS places for a block of C.

        .equ    SLOTS, 4                        ; a power of two
        .equ    A_BYTES, TILE_M * 2
        .equ    B_BYTES, TILE_N * 2
        .equ    SLOT_BYTES, 2048                ; a power of two that holds A_BYTES + B_BYTES
        .equ    OUTS, 2                         ; a power of two
        .equ    OUT_AT, SLOTS * SLOT_BYTES
        .equ    OUT_BYTES, TILE_N * 4
        .sbuf   OUT_AT + OUTS * OUT_BYTES

; ---- PSUM: every bank is a place for a block that is being summed up.

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

        .reg    m, r1                           ; number of the tile along M, N, K
        .reg    n, r2
        .reg    k, r3
        .reg    m0, r4                          ; first row of C in the block: m * TILE_M
        .reg    n0, r5                          ; first column
        .reg    slot, r6                        ; byte offsets of the place in turn
        .reg    bank, r7
        .reg    out, r8
        .reg    a, r9                           ; element offsets into the tensors
        .reg    b, r10
        .reg    c, r11

; Steps to the next place of a ring; both numbers are powers of two.
        .macro  next place, bytes, count
        add     place, place, bytes
        and     place, place, bytes * count - 1
        .endm

; One row of blocks: `block` is a macro that takes the block's size.
        .macro  for_each_n block, mt
        move    n0, 0
        .if     N_TILES > 1
        move    n, 1
$loop:  block   mt, TILE_N
        add     n0, n0, TILE_N
        add     n, n, 1
        blt     n, N_TILES, $loop
        .endif
        block   mt, N_LAST
        .endm

; All blocks, in the order that every engine keeps.
        .macro  for_each_block block
        move    m0, 0
        .if     M_TILES > 1
        move    m, 1
$loop:  for_each_n block, TILE_M
        add     m0, m0, TILE_M
        add     m, m, 1
        blt     m, M_TILES, $loop
        .endif
        for_each_n block, M_LAST
        .endm

; ---- SP: loads tiles of A and B into the slots.

        .engine sp

; kt rows of A and B. The slot is free for both once it is taken; each load reports to its own count.
        .macro  load_tile kt, mt, nt
        dma_load sbuf.bf16[0:kt, slot, mt], A[a<<IN_SHIFT, kt@(M * 2), mt], ring=0 \
                 take slot_free>=1 then a_full+=1
        dma_load sbuf.bf16[0:kt, A_BYTES + slot, nt], B[b<<IN_SHIFT, kt@(N * 2), nt], ring=1 \
                 then b_full+=1
        next    slot, SLOT_BYTES, SLOTS
        .endm

        .macro  load_block mt, nt
        add     a, m0, 0                        ; row 0 of A and B, at the block's columns
        add     b, n0, 0
        .if     K_TILES > 1
        move    k, 1
$loop:  load_tile TILE_K, mt, nt
        add     a, a, TILE_K * M
        add     b, b, TILE_K * N
        add     k, k, 1
        blt     k, K_TILES, $loop
        .endif
        load_tile K_LAST, mt, nt
        .endm

        nop     then slot_free=SLOTS
        move    slot, 0
        for_each_block load_block
        end

; ---- PE: multiplies tiles, and sums a block up in a bank.

        .engine pe

; The slot is free again when the multiplication is done: it reads B, and A was read before.
        .macro  multiply_tile kt, mt, nt, accumulation
        ldweights sbuf.bf16[0:kt, slot, mt]  take a_full>=1
        matmul  psum.f32[0:mt, bank, nt], sbuf.bf16[0:kt, A_BYTES + slot, nt], flags=accumulation \
                take b_full>=1 then slot_free+=1
        next    slot, SLOT_BYTES, SLOTS
        .endm

; The first tile starts the sum, the last one stops it.
        .macro  multiply_block mt, nt
        nop     take bank_free>=1
        .if     K_TILES == 1
        multiply_tile K_LAST, mt, nt, start|stop
        .else
        multiply_tile TILE_K, mt, nt, start
        .if     K_TILES > 2
        move    k, 2
$loop:  multiply_tile TILE_K, mt, nt, 0
        add     k, k, 1
        blt     k, K_TILES, $loop
        .endif
        multiply_tile K_LAST, mt, nt, stop
        .endif
        nop     then bank_full+=1
        next    bank, BANK_BYTES, BANKS
        .endm

        nop     then bank_free=BANKS
        move    slot, 0
        move    bank, 0
        for_each_block multiply_block
        end

; ---- ACT: takes finished blocks out of PSUM, rounding to C's type, and stores them.

        .engine act

        .macro  copy_and_store dtype, mt, nt
        copy    sbuf.dtype[0:mt, OUT_AT + out, nt], psum.f32[0:mt, bank, nt] \
                take bank_full>=1 then bank_free+=1
        dma_store C[c<<OUT_SHIFT, mt@(N << OUT_SHIFT), nt], sbuf.dtype[0:mt, OUT_AT + out, nt], ring=2 \
                then out_free+=1
        .endm

; The copy has ended when the store is issued: only the store's end frees the buffer.
        .macro  store_block mt, nt
        mul     c, m0, N
        add     c, c, n0
        nop     take out_free>=1
        .if     OUT_F32
        copy_and_store f32, mt, nt
        .else
        copy_and_store bf16, mt, nt
        .endif
        next    bank, BANK_BYTES, BANKS
        next    out, OUT_BYTES, OUTS
        .endm

        nop     then out_free=OUTS
        move    bank, 0
        move    out, 0
        for_each_block store_block
        end
