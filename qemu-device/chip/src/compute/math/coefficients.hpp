// SPDX-License-Identifier: MIT
// Written by coefficients.py. Lowest degree first.
#ifndef NEURON_CHIP_COMPUTE_MATH_COEFFICIENTS_HPP
#define NEURON_CHIP_COMPUTE_MATH_COEFFICIENTS_HPP

namespace neuron::chip::coefficients {

// e^r = 1 + r + r^2 p(r), |r| <= ln(2)/2; of e^r - 1; relative error 2^-32.0
inline constexpr double EXP[] = {
    0x1.00000027ddee9p-1, 0x1.555555891354dp-3,  0x1.5554add51eb14p-5,
    0x1.11108f7ef8dbfp-7, 0x1.6d748507c2b3fp-10, 0x1.a1a18e243743ap-13,
};

// The same to the last bits of a double; of e^r; relative error 2^-57.0
inline constexpr double EXP_FULL[] = {
    0x1.0000000000009p-1,  0x1.5555555555560p-3,  0x1.5555555550b35p-5,  0x1.111111110d9d7p-7,  0x1.6c16c183c54b0p-10,
    0x1.a01a01b9dc3e5p-13, 0x1.a0199acec644cp-16, 0x1.71dde1c4a6873p-19, 0x1.28acecd9c5067p-22, 0x1.af82c6efe9fe9p-26,
};

// 2 atanh(s) = 2 s + s^3 p(s^2), |s| <= 0.1716; relative error 2^-44.4
inline constexpr double LOG[] = {
    0x1.55555555855f5p-1, 0x1.999997eeee270p-2, 0x1.24939ed48c06cp-2, 0x1.c64c4b0d91bb9p-3, 0x1.8f65a05ad13e8p-3,
};

// The same, for powers; relative error 2^-51.7
inline constexpr double LOG_FULL[] = {
    0x1.555555555505dp-1, 0x1.9999999dfdce2p-2, 0x1.249243f6b2d02p-2,
    0x1.c7213fac1b6bfp-3, 0x1.734f73d5e87edp-3, 0x1.56f6c4c8d01f2p-3,
};

// The same, 0 <= s <= 1/3; relative error 2^-38.1
inline constexpr double LOG1P[] = {
    0x1.55555546d1f1dp-1, 0x1.9999b3cfc0cb5p-2, 0x1.248ba137a0ccep-2,
    0x1.c8925962b8c4ap-3, 0x1.606a1fdbac9a5p-3, 0x1.bad07478f0b50p-3,
};

// sin(x) = x + x^3 p(x^2), |x| <= pi/2; relative error 2^-35.6
inline constexpr double SIN[] = {
    -0x1.555555495ac9ap-3, 0x1.11110cc1c9120p-7, -0x1.a017fdb93d338p-13, 0x1.7174cdf007c3ep-19, -0x1.9ac3543f87e2ep-26,
};

// atan(s) = s + s^3 p(s^2), |s| <= tan(pi/8); relative error 2^-35.4
inline constexpr double ARCTAN[] = {
    -0x1.555554c81ab1cp-2, 0x1.999919eaff622p-3,  -0x1.247efb74598f3p-3,
    0x1.c466e153d8f28p-4,  -0x1.5b3eca2c15373p-4, 0x1.84d90e754b192p-5,
};

// erf(x) = x p(x^2), |x| <= 1; relative error 2^-34.8
inline constexpr double ERF[] = {
    0x1.20dd7504061edp+0, -0x1.812746682048dp-2,  0x1.ce2f09a89997fp-4,  -0x1.b829d87287a4ap-6,
    0x1.562b156454587p-8, -0x1.bcd7a52bfaa2ap-11, 0x1.d8b721c64917cp-14, -0x1.44cc3cacbc65dp-17,
};

// Phi(-z) = e^(-z^2/2) p((z - 4) / (z + 4)), 0 <= z <= 14.75; relative error 2^-31.7
inline constexpr double NORMAL_TAIL[] = {
    0x1.82b4bb8d00589p-4,   -0x1.5cf97b1abbc43p-3,  0x1.fd751a15ee761p-4,  -0x1.25b6a4e8c6ac5p-4,
    0x1.f9b05cfae5756p-6,   -0x1.16472617be9c8p-7,  0x1.0a1794db308dcp-11, 0x1.4fb39aad5b7a9p-11,
    -0x1.872300b82b968p-13, -0x1.9cbaeb4cb29bdp-15, 0x1.ada0885ec27efp-16, 0x1.0292564ed3389p-17,
};

// Phi(-z) - z phi(z) = e^(-z^2/2) (GELU_DX_ROOT - z) p(u), u as above.
inline constexpr double GELU_DX_ROOT = 0x1.80ead197f00b4p-1;
// p of the line above; relative error 2^-35.9
inline constexpr double GELU_DX[] = {
    0x1.d94de7843f691p-2,   -0x1.a763001ef39f7p-4,  0x1.ef4ff796dac43p-5,   -0x1.cc1e23749e3acp-6,
    0x1.3775722f773a2p-7,   -0x1.d4c9ca8e94901p-10, -0x1.448bd31abfde6p-13, 0x1.85be9a70b0fbbp-13,
    -0x1.1c35878da5dbap-16, -0x1.2d801a96d0afap-16, 0x1.6384801b73cc4p-19,  0x1.dbdebbe64b788p-20,
};

} // namespace neuron::chip::coefficients

#endif // NEURON_CHIP_COMPUTE_MATH_COEFFICIENTS_HPP
