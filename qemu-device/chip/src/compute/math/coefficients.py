#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes coefficients.hpp to standard output: the minimax polynomials of the math library. Needs mpmath.

Not part of the build: the coefficients are part of the contract, a new fit would change results."""

from mpmath import cos, diff, erfc, exp, fabs, findroot, linspace, log, lu_solve, matrix, mp, mpf, pi, sqrt

mp.dps = 60


def remez(f, degree, low, high, weight):
    """The polynomial of that degree with the least maximum of |(p - f) weight| on [low, high]."""
    low, high = mpf(low), mpf(high)
    count = degree + 2
    nodes = [(low + high) / 2 - (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    grid = [(low + high) / 2 - (high - low) / 2 * cos(pi * i / 400) for i in range(401)]
    values = [f(x) for x in grid]
    weights = [weight(x) for x in grid]
    for _ in range(12):
        rows = [[x**j for j in range(degree + 1)] + [(-1) ** i / weight(x)] for i, x in enumerate(nodes)]
        solution = lu_solve(matrix(rows), matrix([f(x) for x in nodes]))
        p = [solution[j] for j in range(degree + 1)]
        error = [(horner(p, x) - y) * w for x, y, w in zip(grid, values, weights)]
        # One extremum per run of equal sign.
        peaks = []
        for i, e in enumerate(error):
            if peaks and (error[peaks[-1]] > 0) == (e > 0):
                if fabs(e) > fabs(error[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > count:
            peaks.pop(0 if fabs(error[peaks[0]]) < fabs(error[peaks[-1]]) else -1)
        if len(peaks) < count:
            break
        nodes = [grid[i] for i in peaks]
    return p


def horner(p, x):
    result = mpf(0)
    for c in reversed(p):
        result = result * x + c
    return result


def emit(name, meaning, f, degree, low, high, weight):
    p = [mpf(float(c)) for c in remez(f, degree, low, high, lambda x: max(weight(x), mpf(2) ** -40))]
    worst = max(fabs((horner(p, x) - f(x)) * weight(x)) for x in linspace(mpf(low), mpf(high), 997))
    print(f"// {meaning}; relative error 2^{float(log(worst, 2)):.1f}")
    print(f"inline constexpr double {name}[] = {{")
    for c in p:
        print(f"    {float(c).hex()},")
    print("};\n")


def series(term):
    def f(x):
        total, n = mpf(0), 0
        while True:
            t = term(n) * x**n
            total += t
            n += 1
            if fabs(t) < mpf(10) ** -50 * fabs(total) or (x == 0):
                return total

    return f


HALF_LN2 = log(mpf(2)) / 2 * mpf("1.0001")
exp_tail = series(lambda n: 1 / mp.factorial(n + 2))
atanh_tail = series(lambda n: mpf(2) / (2 * n + 3))
arctan_tail = series(lambda n: mpf(-1) ** (n + 1) / (2 * n + 3))
sin_tail = series(lambda n: mpf(-1) ** (n + 1) / mp.factorial(2 * n + 3))
erf_series = series(lambda n: 2 / sqrt(pi) * mpf(-1) ** n / (mp.factorial(n) * (2 * n + 1)))
LAST = mpf("14.75")
CENTRE = 4
SQRT_2PI = sqrt(2 * pi)


def tail(z):
    return erfc(z / sqrt(mpf(2))) / 2 * exp(z * z / 2)


ROOT = findroot(lambda z: tail(z) - z / SQRT_2PI, mpf("0.75"))


def slope(z):
    """(tail(z) - z / sqrt(2 pi)) / (ROOT - z), smooth at the root."""
    if fabs(z - ROOT) < mpf(10) ** -20:
        return -diff(lambda t: tail(t) - t / SQRT_2PI, ROOT)
    return (tail(z) - z / SQRT_2PI) / (ROOT - z)


def at(f):
    return lambda u: f(CENTRE * (1 + u) / (1 - u))


print("// SPDX-License-Identifier: MIT")
print("// Written by coefficients.py. Lowest degree first.")
print("#ifndef NEURON_CHIP_COMPUTE_MATH_COEFFICIENTS_HPP")
print("#define NEURON_CHIP_COMPUTE_MATH_COEFFICIENTS_HPP\n")
print("namespace neuron::chip::coefficients {\n")
emit("EXP", "e^r = 1 + r + r^2 p(r), |r| <= ln(2)/2; of e^r - 1", exp_tail, 5, -HALF_LN2, HALF_LN2, lambda x: fabs(x))
emit("EXP_FULL", "The same to the last bits of a double; of e^r", exp_tail, 9, -HALF_LN2, HALF_LN2, lambda x: max(x * x, mpf(2)**-8))
emit("LOG", "2 atanh(s) = 2 s + s^3 p(s^2), |s| <= 0.1716", atanh_tail, 4, 0, "0.0295", lambda x: max(x, mpf(2)**-8) / 2)
emit("LOG_FULL", "The same, for powers", atanh_tail, 5, 0, "0.0295", lambda x: max(x, mpf(2)**-8) / 2)
emit("LOG1P", "The same, 0 <= s <= 1/3", atanh_tail, 5, 0, "0.1112", lambda x: max(x, mpf(2)**-8) / 2)
emit("SIN", "sin(x) = x + x^3 p(x^2), |x| <= pi/2", sin_tail, 4, 0, "2.4675", lambda x: x)
emit("ARCTAN", "atan(s) = s + s^3 p(s^2), |s| <= tan(pi/8)", arctan_tail, 5, 0, "0.1717", lambda x: x)
emit("ERF", "erf(x) = x p(x^2), |x| <= 1", erf_series, 7, 0, "1.0001", lambda x: 1)
LAST_U = (LAST - CENTRE) / (LAST + CENTRE)
emit("NORMAL_TAIL", f"Phi(-z) = e^(-z^2/2) p((z - {CENTRE}) / (z + {CENTRE})), 0 <= z <= {float(LAST)}", at(tail), 11, -1, LAST_U, lambda u: 1 / at(tail)(u))
print("// Phi(-z) - z phi(z) = e^(-z^2/2) (GELU_DX_ROOT - z) p(u), u as above.")
print(f"inline constexpr double GELU_DX_ROOT = {float(ROOT).hex()};")
emit("GELU_DX", "p of the line above", at(slope), 11, -1, LAST_U, lambda u: 1 / at(slope)(u))
print("} // namespace neuron::chip::coefficients\n")
print("#endif // NEURON_CHIP_COMPUTE_MATH_COEFFICIENTS_HPP")
