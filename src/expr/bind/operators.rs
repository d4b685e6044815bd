//! Operators: which operation they are, by the types beside them.

use super::casts::described;
use super::{Ast, Binder, NameScope, Node, NodeKind, Op, Type, UnaryOperator, not};
use crate::batch::DataType;
use crate::expr::moment::TimeField;
use crate::expr::tree::{Casting, Literal};
use crate::expr::types::MOST_DIGITS;
use sqlparser::ast::{BinaryOperator, CaseWhen, ValueWithSpan};

impl Binder<'_> {
    pub(super) fn binary(&mut self, ast: &Ast, left: &Ast, op: &BinaryOperator, right: &Ast) -> Node {
        use BinaryOperator as Sql;
        match op {
            Sql::And => self.chain(ast, Op::And),
            Sql::Or => self.chain(ast, Op::Or),
            Sql::Eq => self.comparison(ast, left, Op::Eq, right),
            Sql::NotEq => self.comparison(ast, left, Op::NotEq, right),
            Sql::Lt => self.comparison(ast, left, Op::Lt, right),
            Sql::LtEq => self.comparison(ast, left, Op::LtEq, right),
            Sql::Gt => self.comparison(ast, left, Op::Gt, right),
            Sql::GtEq => self.comparison(ast, left, Op::GtEq, right),
            Sql::Spaceship => {
                let distinct = self.comparison(ast, left, Op::Distinct, right);
                not(distinct)
            }
            Sql::StringConcat => self.concat(ast),
            Sql::PGRegexMatch => self.regex(ast, left, right, false, false),
            Sql::PGRegexNotMatch => self.regex(ast, left, right, false, true),
            Sql::PGRegexIMatch => self.regex(ast, left, right, true, false),
            Sql::PGRegexNotIMatch => self.regex(ast, left, right, true, true),
            Sql::PGLikeMatch => self.like(ast, Op::Like, left, right, None, false),
            Sql::PGNotLikeMatch => self.like(ast, Op::Like, left, right, None, true),
            Sql::PGILikeMatch => self.like(ast, Op::ILike, left, right, None, false),
            Sql::PGNotILikeMatch => self.like(ast, Op::ILike, left, right, None, true),
            Sql::PGStartsWith => {
                let args = vec![self.text(ast, left), self.text(ast, right)];
                Node::call(Op::StartsWith, args, Type::BOOL)
            }
            Sql::LongArrow | Sql::HashLongArrow => self.json(ast, Op::JsonText, left, right),
            Sql::Arrow | Sql::HashArrow => self.json(ast, Op::JsonPart, left, right),
            // The parser takes `^` for what it is elsewhere.
            Sql::PGExp | Sql::BitwiseXor => {
                let args = vec![self.float(ast, left), self.float(ast, right)];
                Node::call(Op::Power, args, Type::FLOAT)
            }
            _ => {
                let (left, right) = (self.node(left), self.node(right));
                match arithmetic(op) {
                    Some(op) => self.operate(ast, op, left, right),
                    None => self.wrong(ast, format!("the operator {op} is not supported in expressions")),
                }
            }
        }
    }

    /// Arithmetic of `op`, and what looks like it with times.
    pub(super) fn operate(&mut self, ast: &Ast, op: Op, left: Node, right: Node) -> Node {
        // The fault of that side is told already: this part gets an unknown type, and not a second fault.
        if left.ty == Type::Unknown || right.ty == Type::Unknown {
            return Node::call(op, vec![left, right], Type::Unknown);
        }
        if let Some(node) = self.moments(ast, op, &left, &right) {
            return node;
        }
        if !left.ty.is_number() || !right.ty.is_number() {
            return self.no_operator(ast, op, &left, &right);
        }
        let types = (left.ty, right.ty);
        match op {
            Op::BitAnd | Op::BitOr | Op::BitXor | Op::ShiftLeft | Op::ShiftRight => {
                if [types.0, types.1].iter().any(|ty| *ty != Type::INT && *ty != Type::Null) {
                    return self.no_operator(ast, op, &left, &right);
                }
                self.applied(ast, op, left, right, Type::INT)
            }
            _ if types.0 == Type::FLOAT || types.1 == Type::FLOAT => {
                if op == Op::WholeDivide {
                    let error = self.because(ast, "`//` is for exact numbers");
                    return self.fault(error.hint("for floats write TRUNC(a / b)"));
                }
                self.applied(ast, op, left, right, Type::FLOAT)
            }
            _ if types.0.is_decimal() || types.1.is_decimal() => self.decimals(ast, op, left, right),
            // 7 / 2 is 3.5, as it is in DuckDB, Spark and BigQuery.
            Op::Divide => self.applied(ast, op, left, right, Type::FLOAT),
            _ => self.applied(ast, op, left, right, Type::INT),
        }
    }

    /// `op` of both as values of `ty`.
    fn applied(&mut self, ast: &Ast, op: Op, left: Node, right: Node, ty: Type) -> Node {
        let left = self.cast(ast, left, ty, Casting::Implied);
        let right = self.cast(ast, right, ty, Casting::Implied);
        Node::call(op, vec![left, right], ty)
    }

    fn decimals(&mut self, ast: &Ast, op: Op, left: Node, right: Node) -> Node {
        let (a, b) = (left.ty.scale().unwrap_or(0), right.ty.scale().unwrap_or(0));
        let scale = match op {
            // A product keeps all of its digits, so it is exact.
            Op::Times => a + b,
            Op::Divide => a.max(b).max(QUOTIENT_DIGITS),
            Op::WholeDivide => 0,
            _ => a.max(b),
        };
        if scale > MOST_DIGITS {
            let error =
                self.because(ast, format!("it has {scale} digits after the point, and at most 38 can be"));
            return self.fault(error.hint("cast a side to fewer first, as in CAST(x AS DECIMAL(18, 6))"));
        }
        let typed = |node: Node| if node.ty == Type::Null { Node::null(Type::decimal(0)) } else { node };
        Node::call(op, vec![typed(left), typed(right)], Type::decimal(scale))
    }

    /// Sums and differences in which times are.
    fn moments(&mut self, ast: &Ast, op: Op, left: &Node, right: &Node) -> Option<Node> {
        let (a, b) = (left.ty, right.ty);
        let args = |one: &Node, two: &Node| vec![one.clone(), two.clone()];
        // A day later by an interval is an instant, or shows one on a clock.
        let moved = |ty: Type| if ty == Type::DATE { Type::TIME } else { ty };
        let moment =
            |node: &Node, binder: &mut Self| binder.cast(ast, node.clone(), moved(node.ty), Casting::Implied);
        Some(match (op, a, b) {
            (Op::Plus, a, Type::Interval) if a.is_moment() => {
                Node::call(Op::Later, vec![moment(left, self), right.clone()], moved(a))
            }
            (Op::Plus, Type::Interval, b) if b.is_moment() => {
                Node::call(Op::Later, vec![moment(right, self), left.clone()], moved(b))
            }
            (Op::Minus, a, Type::Interval) if a.is_moment() => {
                Node::call(Op::Earlier, vec![moment(left, self), right.clone()], moved(a))
            }
            (Op::Plus, Type::Interval, Type::Interval) => {
                Node::call(Op::IntervalPlus, args(left, right), Type::Interval)
            }
            (Op::Minus, Type::Interval, Type::Interval) => {
                Node::call(Op::IntervalMinus, args(left, right), Type::Interval)
            }
            (Op::Times, Type::Interval, Type::INT) => {
                Node::call(Op::IntervalTimes, args(left, right), Type::Interval)
            }
            (Op::Times, Type::INT, Type::Interval) => {
                Node::call(Op::IntervalTimes, args(right, left), Type::Interval)
            }
            (Op::Plus, Type::DATE, Type::INT) => Node::call(Op::DaysLater, args(left, right), Type::DATE),
            (Op::Plus, Type::INT, Type::DATE) => Node::call(Op::DaysLater, args(right, left), Type::DATE),
            (Op::Minus, Type::DATE, Type::INT) => Node::call(Op::DaysEarlier, args(left, right), Type::DATE),
            (Op::Minus, Type::DATE, Type::DATE) => Node::call(Op::DaysBetween, args(left, right), Type::INT),
            (Op::Minus, a, b) if a.is_moment() && b.is_moment() => {
                // An instant and the time of a clock do not meet: without a zone their difference is not
                // known.
                let common = a.with(b)?;
                let left = self.cast(ast, left.clone(), common, Casting::Implied);
                let right = self.cast(ast, right.clone(), common, Casting::Implied);
                Node::call(Op::TimeBetween, vec![left, right], Type::Interval)
            }
            _ => return None,
        })
    }

    fn no_operator(&mut self, ast: &Ast, op: Op, left: &Node, right: &Node) -> Node {
        let why = format!("{} and {} cannot be used with this operator", described(left), described(right));
        let error = self.because(ast, why);
        let moment = left.ty.is_moment() || right.ty.is_moment();
        self.fault(match moment && matches!(op, Op::Plus | Op::Minus) {
            true => error.hint("add an interval to a time: t + INTERVAL '1 hour'"),
            false if left.ty == Type::TEXT || right.ty == Type::TEXT => error.hint(
                "a text is not a number: write CAST(… AS DECIMAL(18, 2)), or declare the column's type in `types`",
            ),
            false => error,
        })
    }

    pub(super) fn comparison(&mut self, ast: &Ast, left: &Ast, op: Op, right: &Ast) -> Node {
        let (left, right) = (self.node(left), self.node(right));
        self.compared(ast, left, op, right)
    }

    pub(super) fn compared(&mut self, ast: &Ast, left: Node, op: Op, right: Node) -> Node {
        let (left, right) = self.meet(ast, left, right);
        // Lengths are compared by their seconds: as in PostgreSQL, a day equals 24 hours.
        if left.ty == Type::Interval {
            if !is_of_one_length(&left) || !is_of_one_length(&right) {
                return self
                    .wrong(ast, "a month has no fixed length: compare times, or EXTRACT(epoch FROM …)");
            }
            let args =
                vec![self.extract(ast, TimeField::Epoch, left), self.extract(ast, TimeField::Epoch, right)];
            return Node::call(op, args, Type::BOOL);
        }
        Node::call(op, vec![left, right], Type::BOOL)
    }

    pub(super) fn between(&mut self, ast: &Ast, expr: &Ast, low: &Ast, high: &Ast, negated: bool) -> Node {
        let nodes = vec![self.node(expr), self.node(low), self.node(high)];
        let nodes = self.unified(ast, nodes, true);
        let between = Node::call(Op::Between, nodes, Type::BOOL);
        if negated { not(between) } else { between }
    }

    pub(super) fn in_list(&mut self, ast: &Ast, expr: &Ast, list: &[Ast], negated: bool) -> Node {
        let mut nodes = vec![self.node(expr)];
        nodes.extend(list.iter().map(|item| self.node(item)));
        let nodes = self.unified(ast, nodes, true);
        let found = self.ready(ast, Op::In, nodes, Type::BOOL);
        if negated { not(found) } else { found }
    }

    /// AND or OR of all operands of the chain that `ast` is.
    fn chain(&mut self, ast: &Ast, op: Op) -> Node {
        let mut operands = vec![];
        // The syntax tree of a long chain is balanced; here it is flat again, in the order of the text.
        collect(ast, op, &mut operands);
        let args = operands.into_iter().map(|operand| self.condition(operand)).collect();
        Node::call(op, args, Type::BOOL)
    }

    /// `a || b || c`: at least one of two is text, and the other is shown as text.
    fn concat(&mut self, ast: &Ast) -> Node {
        let mut operands = vec![];
        collect(ast, Op::Concat, &mut operands);
        let nodes: Vec<Node> = operands.into_iter().map(|operand| self.node(operand)).collect();
        let open = |node: &Node| node.ty == Type::TEXT || node.ty.is_open();
        if !nodes.iter().any(open) {
            let error =
                self.because(ast, format!("`||` needs a text, but both sides are {}", described(&nodes[0])));
            return self.fault(error.hint("cast one side: CAST(… AS VARCHAR)"));
        }
        let args = nodes.into_iter().map(|node| self.cast(ast, node, Type::TEXT, Casting::Implied)).collect();
        Node::call(Op::Concat, args, Type::TEXT)
    }

    pub(super) fn unary(&mut self, ast: &Ast, op: UnaryOperator, expr: &Ast) -> Node {
        match op {
            UnaryOperator::Not => {
                let condition = self.condition(expr);
                not(condition)
            }
            UnaryOperator::Minus => {
                let node = self.node(expr);
                self.negated(ast, node)
            }
            UnaryOperator::Plus => {
                let node = self.node(expr);
                if node.ty.is_number() { node } else { self.wrong(ast, "a number is expected after +") }
            }
            UnaryOperator::BitwiseNot => {
                let node = self.node(expr);
                match node.ty {
                    Type::INT | Type::Null | Type::Unknown => Node::call(Op::BitNot, vec![node], Type::INT),
                    _ => self.wrong(ast, "an int64 is expected after ~"),
                }
            }
            UnaryOperator::PGSquareRoot => {
                let number = self.float(ast, expr);
                Node::call(Op::Sqrt, vec![number], Type::FLOAT)
            }
            UnaryOperator::PGCubeRoot => {
                let number = self.float(ast, expr);
                Node::call(Op::Cbrt, vec![number], Type::FLOAT)
            }
            _ => self.wrong(ast, format!("the operator {op} is not supported in expressions")),
        }
    }

    fn negated(&mut self, ast: &Ast, node: Node) -> Node {
        let ty = node.ty;
        // `-5` becomes a literal, since arguments that have to be constants are looked for in literals.
        match node.as_literal() {
            Some(Literal::Int(value)) => {
                if let Some(value) = value.checked_neg() {
                    return Node::literal(Literal::Int(value), ty);
                }
            }
            // The least int64 has more digits than the greatest.
            Some(Literal::Decimal(value)) if *value == -i128::from(i64::MIN) && ty.scale() == Some(0) => {
                return Node::literal(Literal::Int(i64::MIN), Type::INT);
            }
            Some(Literal::Decimal(value)) => return Node::literal(Literal::Decimal(-value), ty),
            Some(Literal::Float(value)) => return Node::literal(Literal::Float(-value), ty),
            Some(Literal::Interval(interval)) => {
                if let Some(interval) = interval.times(-1) {
                    return Node::literal(Literal::Interval(interval), ty);
                }
            }
            _ => {}
        }
        match ty {
            Type::Interval => {
                let minus = Node::literal(Literal::Int(-1), Type::INT);
                Node::call(Op::IntervalTimes, vec![node, minus], ty)
            }
            _ if ty.is_number() => Node::call(Op::Negate, vec![node], ty),
            _ => self.wrong(ast, format!("a number is expected after -, but this is {}", described(&node))),
        }
    }

    /// A part that is true or false.
    pub(super) fn condition(&mut self, ast: &Ast) -> Node {
        let node = self.node(ast);
        match node.ty {
            Type::BOOL | Type::Unknown => node,
            Type::Null => Node::null(Type::BOOL),
            _ => self.wrong(ast, format!("a condition is expected, but this is {}", described(&node))),
        }
    }

    pub(super) fn test(&mut self, inner: &Ast, op: Op, negated: bool) -> Node {
        let node = self.node(inner);
        let test = Node::call(op, vec![node], Type::BOOL);
        if negated { not(test) } else { test }
    }

    /// `IS TRUE` and its kin, of a condition.
    pub(super) fn truth(&mut self, _: &Ast, inner: &Ast, op: Op, negated: bool) -> Node {
        let condition = self.condition(inner);
        let test = Node::call(op, vec![condition], Type::BOOL);
        if negated { not(test) } else { test }
    }

    pub(super) fn text(&mut self, whole: &Ast, ast: &Ast) -> Node {
        let node = self.node(ast);
        match node.ty {
            Type::TEXT | Type::Unknown => node,
            Type::Null => Node::null(Type::TEXT),
            _ => {
                let error =
                    self.because(whole, format!("a text is expected, but `{ast}` is {}", described(&node)));
                self.fault(error.hint(format!("write CAST({ast} AS VARCHAR)")))
            }
        }
    }

    fn float(&mut self, whole: &Ast, ast: &Ast) -> Node {
        let node = self.node(ast);
        match node.ty.is_number() {
            true => self.cast(whole, node, Type::FLOAT, Casting::Implied),
            false => self.wrong(whole, format!("a number is expected, but `{ast}` is {}", described(&node))),
        }
    }

    pub(super) fn like(
        &mut self,
        ast: &Ast,
        op: Op,
        text: &Ast,
        pattern: &Ast,
        escape: Option<&ValueWithSpan>,
        negated: bool,
    ) -> Node {
        let mut args = vec![self.text(ast, text), self.text(ast, pattern)];
        if let Some(escape) = escape {
            args.push(self.value(ast, &escape.value));
        }
        let like = self.ready(ast, op, args, Type::BOOL);
        if negated { not(like) } else { like }
    }

    pub(super) fn regex(
        &mut self,
        ast: &Ast,
        text: &Ast,
        pattern: &Ast,
        any_case: bool,
        negated: bool,
    ) -> Node {
        let mut args = vec![self.text(ast, text), self.text(ast, pattern)];
        if any_case {
            args.push(super::literals::text_node("i".to_string()));
        }
        let found = self.ready(ast, Op::RegexLike, args, Type::BOOL);
        if negated { not(found) } else { found }
    }

    fn json(&mut self, ast: &Ast, op: Op, text: &Ast, path: &Ast) -> Node {
        let (text, path) = (self.text(ast, text), self.node(path));
        let path = match path.as_literal() {
            Some(Literal::Text(key)) if key.starts_with('{') || key.starts_with('$') => key.clone(),
            // In JSON's quotes, a key with a point or a bracket in it stays one step of the path.
            Some(Literal::Text(key)) => format!("$.{}", serde_json::Value::from(key.as_str())),
            Some(Literal::Int(place)) => format!("$[{place}]"),
            _ => return self.wrong(ast, "a key in quotes, or a number, is expected after the arrow"),
        };
        self.ready(ast, op, vec![text, super::literals::text_node(path)], Type::TEXT)
    }

    pub(super) fn case(
        &mut self,
        ast: &Ast,
        operand: Option<&Ast>,
        conditions: &[CaseWhen],
        otherwise: Option<&Ast>,
    ) -> Node {
        let operand = operand.map(|operand| self.node(operand));
        let whens: Vec<Node> = conditions
            .iter()
            .map(|when| match &operand {
                None => self.condition(&when.condition),
                Some(operand) => {
                    let value = self.node(&when.condition);
                    self.compared(&when.condition, operand.clone(), Op::Eq, value)
                }
            })
            .collect();
        let mut values: Vec<Node> = conditions.iter().map(|when| self.node(&when.result)).collect();
        values.push(otherwise.map_or_else(|| Node::null(Type::Null), |ast| self.node(ast)));
        self.choice(ast, whens, values)
    }

    /// The value of the first condition that is true; there is one value more than conditions.
    pub(super) fn choice(&mut self, ast: &Ast, whens: Vec<Node>, values: Vec<Node>) -> Node {
        let mut values = self.unified(ast, values, false);
        let ty = Self::common(&values);
        let otherwise = values.pop().unwrap_or_else(|| Node::null(ty));
        Node { kind: NodeKind::Case(whens.into_iter().zip(values).collect(), Box::new(otherwise)), ty }
    }

    /// Whether nothing is known of the columns.
    pub(super) fn is_blind(&self) -> bool {
        matches!(self.names, NameScope::Any)
    }
}

/// Whether no month is in a length of time.
fn is_of_one_length(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Literal(Literal::Interval(interval)) => interval.months == 0,
        NodeKind::Literal(_) => true,
        NodeKind::Call(call) => match call.op {
            Op::TimeBetween => true,
            Op::IntervalTimes => is_of_one_length(&call.args[0]),
            Op::IntervalPlus | Op::IntervalMinus => call.args.iter().all(is_of_one_length),
            _ => false,
        },
        _ => false,
    }
}

/// The digits after the point that a quotient of decimals has at least.
pub const QUOTIENT_DIGITS: u8 = 6;

/// The operands of a chain of one operator, from the left, whatever parentheses are in it.
fn collect<'a>(ast: &'a Ast, op: Op, out: &mut Vec<&'a Ast>) {
    let mut inner = ast;
    while let Ast::Nested(next) = inner {
        inner = next;
    }
    match inner {
        Ast::BinaryOp { left, op: found, right } if chained(found) == Some(op) => {
            collect(left, op, out);
            collect(right, op, out);
        }
        _ => out.push(inner),
    }
}

fn chained(op: &BinaryOperator) -> Option<Op> {
    match op {
        BinaryOperator::And => Some(Op::And),
        BinaryOperator::Or => Some(Op::Or),
        BinaryOperator::StringConcat => Some(Op::Concat),
        _ => None,
    }
}

fn arithmetic(op: &BinaryOperator) -> Option<Op> {
    use BinaryOperator as Sql;
    Some(match op {
        Sql::Plus => Op::Plus,
        Sql::Minus => Op::Minus,
        Sql::Multiply => Op::Times,
        Sql::Divide => Op::Divide,
        Sql::Modulo => Op::Modulo,
        Sql::DuckIntegerDivide | Sql::MyIntegerDivide => Op::WholeDivide,
        Sql::BitwiseAnd => Op::BitAnd,
        Sql::BitwiseOr => Op::BitOr,
        Sql::PGBitwiseXor => Op::BitXor,
        Sql::PGBitwiseShiftLeft => Op::ShiftLeft,
        Sql::PGBitwiseShiftRight => Op::ShiftRight,
        _ => return None,
    })
}

/// The type of a rounded number.
pub(super) fn rounded(ty: Type, digits: Option<i64>) -> Type {
    match (ty, digits) {
        (Type::Of(DataType::Decimal { precision, scale }), digits) => {
            // Where it is not known how many stay, all may, and the number may become longer.
            let kept = digits.map_or(scale, |digits| digits.clamp(0, i64::from(scale)) as u8);
            // 9.99 becomes 10.0.
            let more = u8::from(kept < scale || digits.is_none());
            let precision = (precision - scale + kept + more).clamp(1, MOST_DIGITS);
            Type::Of(DataType::Decimal { precision, scale: kept })
        }
        _ => ty,
    }
}
