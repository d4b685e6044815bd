//! Calls of functions, by the table of [`functions`].

use super::casts::{described, sql_name};
use super::literals::text_node;
use super::operators::rounded;
use super::{Ast, Binder, Function as Sql, FunctionArguments, Node, Op, Type};
use crate::batch::DataType;
use crate::error::{Error, Reason};
use crate::expr::functions::{self, FunctionForm, Gives, Make, Take};
use crate::expr::moment::TimeField;
use crate::expr::tree::{Casting, Literal};
use crate::expr::{parse, pattern, shown};
use sqlparser::ast::{CeilFloorKind, DateTimeField, FunctionArg, FunctionArgExpr, TrimWhereField};

impl Binder<'_> {
    pub(super) fn function(&mut self, ast: &Ast, call: &Sql) -> Node {
        let name = call.name.to_string().to_lowercase();
        // Words such as `user` are functions of SQL, and names of columns.
        if matches!(call.args, FunctionArguments::None) && self.has(&call.name.to_string()) {
            return self.named(&call.name.to_string());
        }
        // A batch is a cut of the data. A function of several rows would give values that depend on the cut.
        if call.over.is_some() || functions_of_rows(&name) {
            let error = Error::job(format!(
                "`{name}` in `{}` reads other rows, but an expression reads one row",
                shown(self.sql)
            ))
            .because(Reason::UnknownFunction);
            return self.fault(
                error.hint("use steps and outputs to read other events: dedup, first, enrich, top, windows"),
            );
        }
        let Some(args) = arguments(&call.args) else {
            return self.wrong(ast, "the arguments of a function must be values");
        };
        if call.filter.is_some() || call.null_treatment.is_some() || !call.within_group.is_empty() {
            return self.wrong(ast, "FILTER, WITHIN GROUP and IGNORE NULLS belong to aggregates");
        }
        let args = args.into_iter().map(|arg| self.node(arg)).collect();
        self.called(ast, &name, args)
    }

    /// A call of the function `name`.
    fn called(&mut self, ast: &Ast, name: &str, args: Vec<Node>) -> Node {
        let forms = functions::named(name);
        if forms.is_empty() {
            let known = functions::names().chain(crate::aggregate::catalog::names());
            let error = Error::job(format!("unknown function `{name}` in `{}`", shown(self.sql)))
                .because(Reason::UnknownFunction)
                .nearest(name, known);
            return self.fault(error);
        }
        let fitting: Vec<_> = forms.iter().filter(|form| form.takes_count(args.len())).collect();
        // A form of the right count is taken also where its types do not fit: its fault then names the
        // argument.
        let Some(form) = fitting.iter().find(|form| fits(form, &args)).or(fitting.first()) else {
            let signatures: Vec<String> =
                forms.iter().map(|form| format!("`{}`", form.signature())).collect();
            return self.wrong(ast, format!("it is called as {}", signatures.join(" or ")));
        };
        self.formed(ast, form, args)
    }

    fn formed(&mut self, ast: &Ast, form: &'static FunctionForm, args: Vec<Node>) -> Node {
        let count = args.len();
        let mut taken: Vec<Node> =
            args.into_iter().enumerate().map(|(at, arg)| self.taken(ast, form, at, arg)).collect();
        // The fault of the argument is told already. Without a schema all types are unknown, and that is not
        // a fault.
        if taken.iter().any(|arg| arg.ty == Type::Unknown) && !self.is_blind() {
            return Node::null(Type::Unknown);
        }
        let together: Vec<usize> = (0..count).filter(|at| form.take(*at) == Take::Any).collect();
        if together.len() > 1 || !together.is_empty() && form.repeats {
            let nodes = together.iter().map(|at| taken[*at].clone()).collect();
            for (at, node) in together.iter().zip(self.unified(ast, nodes, false)) {
                taken[*at] = node;
            }
        }
        match form.make {
            Make::Op(op) => {
                let ty = gives(form, op, &taken);
                self.ready(ast, op, taken, ty)
            }
            Make::Turned(op) => {
                taken.reverse();
                let ty = gives(form, op, &taken);
                self.ready(ast, op, taken, ty)
            }
            Make::Operator(op) => match <[Node; 2]>::try_from(taken) {
                Ok([left, right]) => self.operate(ast, op, left, right),
                Err(_) => Node::null(Type::Unknown),
            },
            Make::Of(op) => {
                // A field that is not known is a fault already; `Day` only lets the other arguments be looked
                // at.
                let field = taken.remove(0).as_text().and_then(TimeField::named).unwrap_or(TimeField::Day);
                self.of_field(ast, op(field), field, taken, form)
            }
            Make::Sql(body) => match parse(body) {
                Ok(body) => {
                    // A body may call a function that has one, too: its arguments are put back afterwards.
                    let outer = std::mem::replace(&mut self.args, taken);
                    let node = self.node(&body);
                    self.args = outer;
                    node
                }
                Err(error) => self.fault(error),
            },
            Make::Pattern(op) => {
                let pattern =
                    taken.pop().and_then(|node| node.as_text().map(str::to_string)).unwrap_or_default();
                // From here on there is one language of formats, for the evaluation and for all dialects.
                match pattern::strftime(&pattern) {
                    Ok(format) => {
                        taken.push(text_node(format));
                        let ty = gives(form, op, &taken);
                        self.ready(ast, op, taken, ty)
                    }
                    Err(why) => self.wrong(ast, why),
                }
            }
        }
    }

    /// Argument number `at`, as the function takes it.
    fn taken(&mut self, ast: &Ast, form: &FunctionForm, at: usize, arg: Node) -> Node {
        let take = form.take(at);
        if take == Take::Field {
            return match arg.as_text().map(TimeField::named) {
                Some(Some(_)) => arg,
                Some(None) => {
                    let known = TimeField::NAMES.iter().map(|(_, name, _)| *name);
                    let word = arg.as_text().unwrap_or_default().to_string();
                    let error = self.because(ast, format!("`{word}` is not a part of a time"));
                    self.fault(error.nearest(&word, known))
                }
                None => self.wrong(ast, format!("argument {} is {}", at + 1, take.words())),
            };
        }
        let to = match take {
            Take::Text | Take::Word | Take::Shown => Type::TEXT,
            Take::Int => Type::INT,
            Take::Float => Type::FLOAT,
            Take::Bool => Type::BOOL,
            Take::Day => Type::DATE,
            Take::Moment if arg.ty.is_moment() => arg.ty,
            Take::Moment => Type::TIME,
            Take::Number | Take::Any | Take::Field => arg.ty,
        };
        if !accepts(take, &arg) {
            let why = format!(
                "argument {} is {}, and `{}` takes {}",
                at + 1,
                described(&arg),
                form.name,
                take.words()
            );
            let error = self.because(ast, why);
            return self.fault(match arg.ty {
                Type::Unknown | Type::Null => error,
                _ if take == Take::Word => error,
                _ => error.hint(format!("cast it: CAST(… AS {})", sql_name(to))),
            });
        }
        // NULL as a number is an int64: what is computed of it is NULL.
        let to = if take == Take::Number && arg.ty == Type::Null { Type::INT } else { to };
        self.cast(ast, arg, to, Casting::Implied)
    }

    fn of_field(
        &mut self,
        ast: &Ast,
        op: Op,
        field: TimeField,
        args: Vec<Node>,
        form: &FunctionForm,
    ) -> Node {
        match op {
            Op::Extract(_) => match args.into_iter().next() {
                Some(node) => self.extract(ast, field, node),
                None => Node::null(Type::Unknown),
            },
            _ if !field.is_unit() => self.wrong(ast, format!("`{}` is not a unit of time", field.name())),
            // PostgreSQL casts a day to an instant before it truncates it.
            Op::DateTrunc(_) => {
                let args: Vec<Node> = args.into_iter().map(|arg| self.instant(ast, arg)).collect();
                let ty = args.first().map_or(Type::Unknown, |arg| arg.ty);
                Node::call(op, args, ty)
            }
            _ => {
                let args = self.unified(ast, args, false);
                let args: Vec<Node> = args.into_iter().map(|arg| self.instant(ast, arg)).collect();
                Node::call(op, args, gives(form, op, &[]))
            }
        }
    }

    /// A day as the instant at which it begins; other times as they are.
    fn instant(&mut self, ast: &Ast, node: Node) -> Node {
        if node.ty == Type::DATE { self.cast(ast, node, Type::TIME, Casting::Implied) } else { node }
    }

    pub(super) fn extract(&mut self, ast: &Ast, field: TimeField, node: Node) -> Node {
        let fits = node.ty.is_moment()
            || node.ty.is_open()
            || node.ty == Type::Interval && field == TimeField::Epoch;
        if !fits {
            let hint = "EXTRACT takes a date or a timestamp; of an interval it takes only epoch, its seconds";
            let error = self.because(ast, format!("{} has no part `{}`", described(&node), field.name()));
            return self.fault(error.hint(hint));
        }
        let node = if node.ty == Type::Null { Node::null(Type::TIME) } else { node };
        Node::call(Op::Extract(field), vec![node], extracted(field))
    }

    /// Calls with words of their own between the arguments.
    pub(super) fn special(&mut self, ast: &Ast) -> Node {
        match ast {
            Ast::Extract { field, expr, .. } => {
                let node = self.node(expr);
                match TimeField::named(&field.to_string()) {
                    Some(field) => self.extract(ast, field, node),
                    None => {
                        let known = TimeField::NAMES.iter().map(|(_, name, _)| *name);
                        let error = self.because(ast, format!("`{field}` is not a part of a time"));
                        self.fault(error.nearest(&field.to_string().to_lowercase(), known))
                    }
                }
            }
            Ast::Ceil { expr, field } => self.whole(ast, "ceil", expr, field),
            Ast::Floor { expr, field } => self.whole(ast, "floor", expr, field),
            Ast::Position { expr, r#in } => {
                // POSITION names what is looked for first, and `strpos` names it second.
                let args = vec![self.node(r#in), self.node(expr)];
                self.called(ast, "strpos", args)
            }
            Ast::Substring { expr, substring_from, substring_for, .. } => {
                let mut args = vec![self.node(expr)];
                args.push(match substring_from {
                    Some(from) => self.node(from),
                    // SUBSTRING(x FOR n) counts from the first character.
                    None => Node::literal(Literal::Int(1), Type::INT),
                });
                args.extend(substring_for.as_ref().map(|count| self.node(count)));
                self.called(ast, "substring", args)
            }
            Ast::Trim { expr, trim_where, trim_what, trim_characters } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let mut args = vec![self.node(expr)];
                args.extend(trim_what.as_ref().map(|what| self.node(what)));
                args.extend(trim_characters.iter().flatten().map(|what| self.node(what)));
                self.called(ast, name, args)
            }
            Ast::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut args = vec![self.node(expr), self.node(overlay_what), self.node(overlay_from)];
                args.extend(overlay_for.as_ref().map(|count| self.node(count)));
                self.called(ast, "overlay", args)
            }
            Ast::AtTimeZone { timestamp, time_zone } => self.at_zone(ast, timestamp, time_zone),
            _ => self.wrong(ast, "this is not supported in expressions"),
        }
    }

    fn whole(&mut self, ast: &Ast, name: &str, expr: &Ast, field: &CeilFloorKind) -> Node {
        let args = vec![self.node(expr)];
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => self.called(ast, name, args),
            _ => self.wrong(ast, format!("write {name}(x); for times use DATE_TRUNC")),
        }
    }

    /// `t AT TIME ZONE 'zone'`: of an instant what a clock shows there, of what a clock shows the instant.
    fn at_zone(&mut self, ast: &Ast, time: &Ast, zone: &Ast) -> Node {
        let (time, zone) = (self.node(time), self.node(zone));
        let Some(name) = zone.as_text() else {
            return self.wrong(ast, "the name of a zone is a text in quotes");
        };
        if crate::time::Zone::named(name).is_none() {
            let error = self.because(ast, format!("`{name}` is not a known time zone"));
            return self.fault(error.nearest(name, crate::time::Zone::names()));
        }
        let time = self.instant(ast, time);
        let (op, ty) = match time.ty {
            Type::Clock => (Op::OfZone, Type::TIME),
            Type::TIME => (Op::AtZone, Type::Clock),
            Type::Null => return Node::null(Type::Clock),
            Type::Unknown => return time,
            _ => return self.wrong(ast, format!("{} is not a time", described(&time))),
        };
        self.ready(ast, op, vec![time, zone], ty)
    }
}

/// Whether each argument is of what the form takes.
fn fits(form: &FunctionForm, args: &[Node]) -> bool {
    args.iter().enumerate().all(|(at, arg)| accepts(form.take(at), arg))
}

fn accepts(take: Take, arg: &Node) -> bool {
    let is = |ty: Type| arg.ty == ty || arg.ty.is_open();
    match take {
        Take::Text => is(Type::TEXT),
        Take::Word => arg.as_text().is_some(),
        Take::Field => arg.as_text().is_some(),
        Take::Int => is(Type::INT),
        Take::Number | Take::Float => arg.ty.is_number(),
        Take::Bool => is(Type::BOOL),
        Take::Moment => arg.ty.is_moment() || arg.ty.is_open() || arg.as_text().is_some(),
        Take::Day => is(Type::DATE) || arg.as_text().is_some(),
        Take::Shown => arg.ty != Type::Interval,
        Take::Any => arg.ty != Type::Interval,
    }
}

/// The type of a call of `op`, whose arguments are as it takes them.
fn gives(form: &FunctionForm, op: Op, args: &[Node]) -> Type {
    let first = args.first().map_or(Type::Unknown, |arg| arg.ty);
    match form.gives {
        Gives::Is(ty) => match op {
            Op::Extract(field) => extracted(field),
            _ => ty,
        },
        Gives::First | Gives::Truncated => first,
        Gives::Common => args.iter().map(|arg| arg.ty).find(|ty| *ty != Type::Null).unwrap_or(Type::Null),
        Gives::Whole => rounded(first, Some(0)),
        Gives::Rounded => match args.get(1) {
            None => rounded(first, Some(0)),
            Some(digits) => rounded(first, digits.as_int()),
        },
        Gives::Part => match op {
            Op::Extract(field) => extracted(field),
            _ => Type::INT,
        },
    }
}

/// The type of a part of a time.
fn extracted(field: TimeField) -> Type {
    match field.scale() {
        None => Type::INT,
        Some(scale) => {
            // An int64 of microseconds has up to 19 digits; the parts of one minute have at most 8.
            let precision = if field == TimeField::Epoch { 20 } else { 2 + 6 };
            Type::Of(DataType::Decimal { precision, scale })
        }
    }
}

/// The arguments of a call, if they are plain expressions.
fn arguments(args: &FunctionArguments) -> Option<Vec<&Ast>> {
    match args {
        FunctionArguments::None => Some(vec![]),
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            list.args
                .iter()
                .map(|arg| match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                    _ => None,
                })
                .collect()
        }
        _ => None,
    }
}

/// Whether a function of SQL looks at other rows, and is no aggregate here.
fn functions_of_rows(name: &str) -> bool {
    [
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
        "unnest",
        "explode",
        "generate_series",
        "array_agg",
        "list",
    ]
    .contains(&name)
}
