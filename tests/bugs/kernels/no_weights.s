; SPDX-License-Identifier: MIT
; Nothing was loaded into the array that it multiplies with.
        .engine pe
        matmul  psum.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8], stop
        end
