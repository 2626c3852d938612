; SPDX-License-Identifier: MIT
; It gives back more than there is.
        .engine sp
        nop     then s4-=1
        end
