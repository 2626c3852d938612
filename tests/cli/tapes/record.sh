#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Records copy.tape anew: a load and a store of 100 bytes by one core. For when the chip takes other steps on purpose.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
neuronctl=${NEURONCTL:-$here/../../../build/user/tools/neuronctl/neuronctl}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
cat >k.s <<'END'
        .param  X, in, u8, 1, 100
        .param  Y, out, u8, 1, 100
        .engine sp
        dma_load sbuf.u8[0:1, 0, 100], X[0, 1, 100], 0 then s1+=1
        nop wait s1>=1
        dma_store Y[0, 1, 100], sbuf.u8[0:1, 0, 100], 0
        end
END
"$neuronctl" asm k.s
/usr/bin/python3 -c 'import numpy as np; np.save("x.npy", np.arange(100, dtype=np.uint8).reshape(1, 100))'
"$neuronctl" run --backend sim --sim-hbm 1G --sim-cores 1 --record copy.tape k.nko --in X=x.npy --out Y=y.npy
mv copy.tape "$here/copy.tape"
