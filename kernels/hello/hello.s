; SPDX-License-Identifier: MIT
; The smallest useful kernel: Y = X, converted from f32 to bf16.
        .param  X, in,  f32,  128, 512
        .param  Y, out, bf16, 128, 512

        .engine sp                                                      ; the sync engine moves data
        dma_load  sbuf.f32[0:128, 0, 512], X[0, 128, 512], ring=0   then s0+=1
        end

        .engine act                                                     ; the scalar engine computes
        copy      sbuf.bf16[0:128, 2048, 512], sbuf.f32[0:128, 0, 512]  wait s0>=1
        dma_store Y[0, 128, 512], sbuf.bf16[0:128, 2048, 512], ring=1
        end
