; SPDX-License-Identifier: MIT
; The counter is never raised.
        .engine sp
        move    r1, 0
loop:   blt     r1, 10, loop
        end
