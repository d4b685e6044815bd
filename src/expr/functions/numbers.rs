//! Choices and numbers.

use super::Take::{Any, Bool, Float, Int, Number};
use super::{FunctionForm, Gives, Make};
use crate::expr::tree::Op;
use crate::expr::types::Type;

pub const CHOICES: [FunctionForm; 5] = [
    FunctionForm::new(
        "coalesce",
        &[Any],
        Op::Coalesce,
        Type::Unknown,
        "The first value that is not NULL.",
        ("coalesce(NULL, 2, 3)", "2"),
    )
    .aliases(&["ifnull", "nvl"])
    .repeats()
    .gives(Gives::Common),
    FunctionForm::new(
        "nullif",
        &[Any, Any],
        Op::NullIf,
        Type::Unknown,
        "NULL where both are equal, else the first.",
        ("nullif(0, 0)", "NULL"),
    )
    .gives(Gives::First),
    FunctionForm::new(
        "greatest",
        &[Any],
        Op::Greatest,
        Type::Unknown,
        "The greatest value; NULLs are ignored.",
        ("greatest(1, NULL, 3)", "3"),
    )
    .repeats()
    .gives(Gives::Common),
    FunctionForm::new(
        "least",
        &[Any],
        Op::Least,
        Type::Unknown,
        "The least value; NULLs are ignored.",
        ("least(1, NULL, 3)", "1"),
    )
    .repeats()
    .gives(Gives::Common),
    FunctionForm::new(
        "if",
        &[Bool, Any, Any],
        Op::Coalesce,
        Type::Unknown,
        "The second value where the condition is true, else the third.",
        ("if(1 > 2, 'a', 'b')", "'b'"),
    )
    .aliases(&["iff"])
    .make(Make::Sql("CASE WHEN $1 THEN $2 ELSE $3 END"))
    .gives(Gives::Common),
];

pub const NUMBERS: [FunctionForm; 34] = [
    FunctionForm::new("abs", &[Number], Op::Abs, Type::Unknown, "The number without its sign.", ("abs(-1.5)", "1.5")).gives(Gives::First),
    FunctionForm::new("sign", &[Number], Op::Sign, Type::Unknown, "-1, 0 or 1.", ("sign(-3)", "-1")).aliases(&["signum"]).gives(Gives::First),
    FunctionForm::new("floor", &[Number], Op::Floor, Type::Unknown, "The greatest whole number that is not above.", ("floor(-1.5)", "-2")).gives(Gives::Whole),
    FunctionForm::new("ceil", &[Number], Op::Ceil, Type::Unknown, "The least whole number that is not below.", ("ceil(-1.5)", "-1")).aliases(&["ceiling"]).gives(Gives::Whole),
    FunctionForm::new("round", &[Number, Int], Op::Round, Type::Unknown, "Rounds to the given number of digits after the point: a half of a decimal goes away from zero, of a float to the even digit.", ("round(2.345, 2)", "2.35"))
        .optional(1)
        .gives(Gives::Rounded),
    FunctionForm::new("trunc", &[Number, Int], Op::Trunc, Type::Unknown, "Cuts to the given number of digits after the point.", ("trunc(-2.345, 2)", "-2.34"))
        .aliases(&["truncate"])
        .optional(1)
        .gives(Gives::Rounded),
    FunctionForm::new("mod", &[Number, Number], Op::Modulo, Type::Unknown, "The remainder of a division, with the sign of the first, as `%`.", ("mod(-7, 3)", "-1")).make(Make::Operator(Op::Modulo)),
    FunctionForm::new("div", &[Number, Number], Op::WholeDivide, Type::Unknown, "The quotient cut towards zero, as `//`.", ("div(-7, 2)", "-3")).make(Make::Operator(Op::WholeDivide)),
    FunctionForm::new("power", &[Float, Float], Op::Power, Type::FLOAT, "The first to the power of the second, a float.", ("power(2, 10)", "1024")).aliases(&["pow"]),
    FunctionForm::new("sqrt", &[Float], Op::Sqrt, Type::FLOAT, "The square root, a float.", ("sqrt(6.25)", "2.5")),
    FunctionForm::new("cbrt", &[Float], Op::Cbrt, Type::FLOAT, "The cube root, a float.", ("cbrt(27)", "3")),
    FunctionForm::new("exp", &[Float], Op::Exp, Type::FLOAT, "e to the power of the number.", ("exp(0)", "1")),
    FunctionForm::new("ln", &[Float], Op::Ln, Type::FLOAT, "The natural logarithm.", ("ln(1)", "0")),
    FunctionForm::new("log10", &[Float], Op::Log10, Type::FLOAT, "The logarithm to the base of 10.", ("log10(1000)", "3")).aliases(&["log"]),
    FunctionForm::new("log2", &[Float], Op::Log2, Type::FLOAT, "The logarithm to the base of 2.", ("log2(8)", "3")),
    FunctionForm::new("sin", &[Float], Op::Sin, Type::FLOAT, "The sine of an angle in radians.", ("sin(0)", "0")),
    FunctionForm::new("cos", &[Float], Op::Cos, Type::FLOAT, "The cosine of an angle in radians.", ("cos(0)", "1")),
    FunctionForm::new("tan", &[Float], Op::Tan, Type::FLOAT, "The tangent of an angle in radians.", ("tan(0)", "0")),
    FunctionForm::new("asin", &[Float], Op::Asin, Type::FLOAT, "The angle of a sine.", ("asin(0)", "0")),
    FunctionForm::new("acos", &[Float], Op::Acos, Type::FLOAT, "The angle of a cosine.", ("acos(1)", "0")),
    FunctionForm::new("atan", &[Float], Op::Atan, Type::FLOAT, "The angle of a tangent.", ("atan(0)", "0")),
    FunctionForm::new("atan2", &[Float, Float], Op::Atan2, Type::FLOAT, "The angle of y and x.", ("atan2(0, 1)", "0")),
    FunctionForm::new("degrees", &[Float], Op::Degrees, Type::FLOAT, "Radians in degrees.", ("degrees(0)", "0")),
    FunctionForm::new("radians", &[Float], Op::Radians, Type::FLOAT, "Degrees in radians.", ("radians(0)", "0")),
    FunctionForm::new("pi", &[], Op::Pi, Type::FLOAT, "π.", ("floor(pi() * 100)", "314")),
    FunctionForm::new("xor", &[Int, Int], Op::BitXor, Type::INT, "The bits that exactly one of both has.", ("xor(6, 3)", "5")),
    FunctionForm::new("shift_left", &[Int, Int], Op::ShiftLeft, Type::INT, "The bits shifted left, as `<<`.", ("shift_left(1, 4)", "16")),
    FunctionForm::new("shift_right", &[Int, Int], Op::ShiftRight, Type::INT, "The bits shifted right, as `>>`.", ("shift_right(16, 4)", "1")),
    FunctionForm::new("bit_not", &[Int], Op::BitNot, Type::INT, "The bits inverted, as `~`.", ("bit_not(0)", "-1")),
    FunctionForm::new("to_hex", &[Int], Op::ToHex, Type::TEXT, "The number in hexadecimal digits.", ("to_hex(255)", "'ff'")),
    FunctionForm::new("chr", &[Int], Op::Chr, Type::TEXT, "The character of a Unicode number.", ("chr(65)", "'A'")),
    FunctionForm::new("to_timestamp", &[Float], Op::FromEpoch, Type::TIME, "The instant of a number of seconds since 1970.", ("epoch_ms(to_timestamp(1.5))", "1500")).gives(Gives::Is(Type::TIME)),
    FunctionForm::new("from_epoch_ms", &[Int], Op::FromEpochMillis, Type::TIME, "The instant of a number of milliseconds since 1970.", ("epoch_ms(from_epoch_ms(1500))", "1500")).aliases(&["timestamp_millis"]),
    FunctionForm::new("from_epoch_us", &[Int], Op::FromEpochMicros, Type::TIME, "The instant of a number of microseconds since 1970.", ("epoch_us(from_epoch_us(15))", "15")).aliases(&["make_timestamp", "timestamp_micros"]),
];
