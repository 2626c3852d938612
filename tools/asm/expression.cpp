// SPDX-License-Identifier: MIT
#include "expression.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

namespace neuron::assembler {
namespace {

using Value = std::optional<std::int64_t>;

struct Operator {
    std::string_view text;
    int precedence; ///< Higher binds tighter.
};

constexpr int term_precedence = 10;
constexpr std::array<Operator, 18> operators = {{
    {"||", 1},
    {"&&", 2},
    {"|", 3},
    {"^", 4},
    {"&", 5},
    {"==", 6},
    {"!=", 6},
    {"<", 7},
    {"<=", 7},
    {">", 7},
    {">=", 7},
    {"<<", 8},
    {">>", 8},
    {"+", 9},
    {"-", 9},
    {"*", 10},
    {"/", 10},
    {"%", 10},
}};

const Operator *find_operator(const Token &token) {
    const auto same = [&](const Operator &candidate) { return token.is(candidate.text); };
    const auto at = std::ranges::find_if(operators, same);
    return at == operators.end() ? nullptr : &*at;
}

class Parser {
public:
    Parser(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics)
        : cursor_(cursor), symbols_(symbols), diagnostics_(diagnostics) {}

    Value binary(int minimum) {
        Value left = unary();
        while (left) {
            const Operator *op = find_operator(cursor_.peek());
            if (op == nullptr || op->precedence < minimum)
                return left;
            const Token &token = cursor_.take();
            const Value right = binary(op->precedence + 1);
            if (!right)
                return std::nullopt;
            left = apply(token, *left, *right);
        }
        return left;
    }

    Value primary() {
        const Token &token = cursor_.peek();
        if (token.kind == TokenKind::integer)
            return cursor_.take().value;
        if (token.is("("))
            return parenthesis();
        if (token.kind == TokenKind::identifier)
            return cursor_.peek(1).is("(") ? call() : name();
        if (token.kind == TokenKind::real)
            return fail(token, fmt::format("{} is no whole number; one is needed here", shown(token)));
        diagnostics_.error(token.at, fmt::format("expected an expression, found {}", shown(token)));
        return std::nullopt;
    }

private:
    // Deep enough for people, shallow enough for the stack: the source may come from a fuzzer.
    static constexpr int max_depth = 200;

    Value fail(const Token &token, std::string message) {
        diagnostics_.error(token.at, std::move(message));
        return std::nullopt;
    }

    Value unary() {
        const Token &token = cursor_.peek();
        if (!token.is("-") && !token.is("+") && !token.is("~") && !token.is("!"))
            return primary();
        cursor_.take();
        if (++depth_ > max_depth)
            return fail(token, "expression is nested too deep");
        const Value value = unary();
        --depth_;
        if (!value || token.is("+"))
            return value;
        if (token.is("-"))
            return apply(token, 0, *value);
        return token.is("~") ? ~*value : std::int64_t{*value == 0};
    }

    Value parenthesis() {
        if (++depth_ > max_depth)
            return fail(cursor_.peek(), "expression is nested too deep");
        cursor_.take();
        const Value value = binary(0);
        --depth_;
        if (!value || !cursor_.expect(")", diagnostics_))
            return std::nullopt;
        return value;
    }

    Value name() {
        const Token &token = cursor_.take();
        if (const Constant *constant = symbols_.find_constant(token.text))
            return constant->value;
        if (symbols_.find_register(token.text) != nullptr || numbered(token.text, "r"))
            return fail(token, fmt::format("'{}' is a register; a constant is needed here", token.text));
        if (symbols_.find_semaphore(token.text) != nullptr || numbered(token.text, "s"))
            return fail(token, fmt::format("'{}' is a semaphore; a constant is needed here", token.text));
        if (symbols_.find_param(token.text) != nullptr)
            return fail(token, fmt::format("'{}' is a parameter; a constant is needed here", token.text));
        std::vector<std::string_view> known;
        for (const auto &[other, constant] : symbols_.constants)
            known.push_back(other);
        const std::string_view near = closest(token.text, known);
        return fail(token, near.empty() ? fmt::format("undefined symbol '{}'", token.text)
                                        : fmt::format("undefined symbol '{}'; did you mean '{}'?", token.text, near));
    }

    Value call() {
        const Token &token = cursor_.take();
        cursor_.take();
        if (token.text == "defined")
            return defined();
        if (token.text != "min" && token.text != "max" && token.text != "cdiv" && token.text != "align")
            return fail(token,
                        fmt::format("unknown function '{}'; there are min, max, cdiv, align, defined", token.text));
        if (++depth_ > max_depth)
            return fail(token, "expression is nested too deep");
        const Value a = binary(0);
        if (!a || !cursor_.expect(",", diagnostics_))
            return std::nullopt;
        const Value b = binary(0);
        --depth_;
        if (!b || !cursor_.expect(")", diagnostics_))
            return std::nullopt;
        if (token.text == "min")
            return std::min(*a, *b);
        if (token.text == "max")
            return std::max(*a, *b);
        return rounded_up(token, *a, *b);
    }

    Value defined() {
        const Token &token = cursor_.take();
        if (token.kind != TokenKind::identifier)
            return fail(token, fmt::format("expected a name, found {}", shown(token)));
        if (!cursor_.expect(")", diagnostics_))
            return std::nullopt;
        return std::int64_t{symbols_.find_constant(token.text) != nullptr};
    }

    // cdiv(a, b): a / b rounded up. align(a, b): a rounded up to a multiple of b.
    Value rounded_up(const Token &token, std::int64_t a, std::int64_t b) {
        if (a < 0 || b <= 0)
            return fail(token, fmt::format("{}({}, {}): needs a value >= 0 and a divisor > 0", token.text, a, b));
        const std::int64_t quotient = a / b + (a % b != 0 ? 1 : 0);
        std::int64_t out = quotient;
        if (token.text == "align" && __builtin_mul_overflow(quotient, b, &out))
            return fail(token, "result does not fit 64 bits");
        return out;
    }

    Value apply(const Token &token, std::int64_t a, std::int64_t b) {
        const std::string &op = token.text;
        std::int64_t out = 0;
        bool overflow = false;
        if (op == "+")
            overflow = __builtin_add_overflow(a, b, &out);
        else if (op == "-")
            overflow = __builtin_sub_overflow(a, b, &out);
        else if (op == "*")
            overflow = __builtin_mul_overflow(a, b, &out);
        else if (op == "/" || op == "%")
            return divide(token, a, b);
        else if (op == "<<" || op == ">>")
            return shift(token, a, b);
        else
            return logic(op, a, b);
        if (overflow)
            return fail(token, fmt::format("{} {} {} does not fit 64 bits", a, op, b));
        return out;
    }

    Value divide(const Token &token, std::int64_t a, std::int64_t b) {
        if (b == 0)
            return fail(token, "division by zero");
        if (b == -1 && a == std::numeric_limits<std::int64_t>::min())
            return fail(token, "result does not fit 64 bits");
        return token.text == "/" ? a / b : a % b;
    }

    Value shift(const Token &token, std::int64_t a, std::int64_t b) {
        if (b < 0 || b > 63)
            return fail(token, fmt::format("shift by {} is not in 0..63", b));
        if (token.text == ">>")
            return a >> b;
        const auto out = static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b);
        if (out >> b != a)
            return fail(token, fmt::format("{} << {} does not fit 64 bits", a, b));
        return out;
    }

    static std::int64_t logic(std::string_view op, std::int64_t a, std::int64_t b) {
        if (op == "&")
            return a & b;
        if (op == "|")
            return a | b;
        if (op == "^")
            return a ^ b;
        if (op == "&&")
            return a != 0 && b != 0;
        if (op == "||")
            return a != 0 || b != 0;
        if (op == "==")
            return a == b;
        if (op == "!=")
            return a != b;
        if (op == "<")
            return a < b;
        if (op == "<=")
            return a <= b;
        return op == ">" ? a > b : a >= b;
    }

    Cursor &cursor_;
    const Symbols &symbols_;
    Diagnostics &diagnostics_;
    int depth_ = 0;
};

} // namespace

std::optional<std::int64_t> evaluate(Cursor &cursor, const Symbols &symbols, Diagnostics &diagnostics, Level level) {
    Parser parser(cursor, symbols, diagnostics);
    switch (level) {
    case Level::full: return parser.binary(0);
    case Level::term: return parser.binary(term_precedence);
    case Level::primary: break;
    }
    return parser.primary();
}

} // namespace neuron::assembler
