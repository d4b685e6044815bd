//! Casts, and how types meet.

use super::{Ast, Binder};
use crate::batch::DataType;
use crate::expr::eval;
use crate::expr::tree::{Casting, Literal, Node, NodeKind};
use crate::expr::types::{MOST_DIGITS, Type};
use sqlparser::ast::{CastKind, DataType as Written, ExactNumberInfo};

impl Binder<'_> {
    /// `CAST(expr AS type)`, `expr::type` and `TRY_CAST`.
    pub(super) fn written_cast(&mut self, ast: &Ast, kind: &CastKind, expr: &Ast, ty: &Written) -> Node {
        let node = self.node(expr);
        let Some(to) = target(ty) else {
            let types = "VARCHAR, BOOLEAN, BIGINT, DOUBLE, DECIMAL(p, s) with p up to 38, DATE and TIMESTAMP";
            let error = self.because(ast, format!("a column cannot have the type {ty}"));
            return self.fault(error.hint(format!("the types are {types}")));
        };
        let casting = match kind {
            CastKind::TryCast | CastKind::SafeCast => Casting::Tried,
            CastKind::Cast | CastKind::DoubleColon => Casting::Written,
        };
        self.cast(ast, node, to, casting)
    }

    /// `node` as a value of the type `to`.
    pub(super) fn cast(&mut self, ast: &Ast, node: Node, to: Type, casting: Casting) -> Node {
        if node.ty == to || to.is_open() {
            return node;
        }
        // NULL takes the type at once; a cast of it would be computed for every batch.
        if node.as_literal() == Some(&Literal::Null) && node.ty.is_open() {
            return Node::null(to);
        }
        if !castable(node.ty, to) {
            return self.wrong(ast, format!("{} cannot be cast to {to}", described(&node)));
        }
        let is_literal = node.as_literal().is_some();
        let cast = Node { ty: to, kind: NodeKind::Cast(Box::new(node), casting) };
        if !is_literal || cast.any(&|part| part.ty.is_open()) {
            return cast;
        }
        // A constant is cast here, so that a wrong literal is a fault of the job and not of its rows.
        match eval::constant(&cast, self.zone) {
            // The text stays: what reads the tree may read times by itself.
            Ok(_) if to == Type::TIME => cast,
            Ok(literal) => Node::literal(literal, to),
            Err(why) => self.wrong(ast, why),
        }
    }

    /// Both as they can be compared: of one type, or exact numbers.
    pub(super) fn meet(&mut self, ast: &Ast, left: Node, right: Node) -> (Node, Node) {
        match <[Node; 2]>::try_from(self.unified(ast, vec![left, right], true)) {
            Ok([left, right]) => (left, right),
            Err(_) => (Node::null(Type::Unknown), Node::null(Type::Unknown)),
        }
    }

    /// All of `nodes` in the type in which they meet; exact numbers may stay as they are where `exact` says so. A literal
    /// of text is of the type of the others.
    pub(super) fn unified(&mut self, ast: &Ast, nodes: Vec<Node>, exact: bool) -> Vec<Node> {
        let is_text = |node: &Node| node.as_text().is_some();
        let others = nodes.iter().filter(|node| !is_text(node)).map(|node| node.ty);
        let mut common = Type::Null;
        for ty in others {
            match common.with(ty) {
                Some(met) => common = met,
                None => {
                    let error = self.because(ast, format!("{common} and {ty} have no common type"));
                    self.fault(
                        error.hint(format!("cast one of them, as in CAST(… AS {})", sql_name(common))),
                    );
                    return nodes;
                }
            }
        }
        if common == Type::Null && nodes.iter().any(is_text) {
            common = Type::TEXT;
        }
        // Exact numbers compare exactly at any scale, while a common type could need more than 38 digits.
        let stays = |node: &Node| exact && node.ty.scale().is_some() && common.scale().is_some();
        nodes
            .into_iter()
            .map(|node| if stays(&node) { node } else { self.cast(ast, node, common, Casting::Implied) })
            .collect()
    }

    /// The type of all of `nodes` after [`Self::unified`].
    pub(super) fn common(nodes: &[Node]) -> Type {
        nodes.iter().map(|node| node.ty).find(|ty| *ty != Type::Null).unwrap_or(Type::Null)
    }
}

/// Whether values of one type can be cast to the other.
fn castable(from: Type, to: Type) -> bool {
    use DataType::{Bool, Date, Decimal, Float64, Int64, String, Timestamp};
    use Type::{Clock, Interval, Null, Of, Unknown};
    matches!(
        (from, to),
        (Unknown | Null, _)
            | (_, Unknown)
            | (Of(String), Of(_) | Interval)
            | (Of(_), Of(String))
            | (Of(Int64 | Float64 | Decimal { .. }), Of(Int64 | Float64 | Decimal { .. }))
            | (Of(Bool), Of(Int64))
            | (Of(Int64), Of(Bool))
            | (Of(Date), Of(Timestamp))
            | (Of(Timestamp), Of(Date))
            | (Clock, Of(Date | String))
            | (Of(Date), Clock)
    )
}

/// The type that a cast names, if a column can have it.
pub(super) fn target(ty: &Written) -> Option<Type> {
    Some(match ty {
        Written::Varchar(None)
        | Written::CharacterVarying(None)
        | Written::Nvarchar(None)
        | Written::Text
        | Written::String(None) => Type::TEXT,
        Written::Boolean | Written::Bool => Type::BOOL,
        _ if is_integer(ty) => Type::INT,
        Written::Double(_)
        | Written::DoublePrecision
        | Written::Float64
        | Written::Float8
        | Written::Float(ExactNumberInfo::None) => Type::FLOAT,
        Written::Decimal(digits) | Written::Numeric(digits) | Written::Dec(digits) => decimal(digits)?,
        Written::Date | Written::Date32 => Type::DATE,
        Written::Timestamp(..) | Written::TimestampNtz(..) | Written::Datetime(_) => Type::TIME,
        Written::Custom(name, _) if name.to_string().eq_ignore_ascii_case("timestamptz") => Type::TIME,
        _ => return None,
    })
}

fn is_integer(ty: &Written) -> bool {
    // A column can have only one type of integers, so that all names of integers stand for int64.
    matches!(ty, Written::BigInt(None) | Written::Int64 | Written::Int8(None))
        || matches!(ty, Written::Int(None) | Written::Integer(None) | Written::Int4(None))
        || matches!(ty, Written::SmallInt(None) | Written::TinyInt(None) | Written::Int2(None))
}

fn decimal(digits: &ExactNumberInfo) -> Option<Type> {
    let (precision, scale) = match digits {
        // Engines differ in what they take it for.
        ExactNumberInfo::None => return None,
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, u64::try_from(*scale).ok()?),
    };
    let fits = (1..=u64::from(MOST_DIGITS)).contains(&precision) && scale <= precision;
    fits.then_some(Type::Of(DataType::Decimal { precision: precision as u8, scale: scale as u8 }))
}

/// A value as an error names it.
pub(super) fn described(node: &Node) -> String {
    match node.as_text() {
        Some(text) => format!("the text '{text}'"),
        None if node.ty == Type::TEXT => "a string".to_string(),
        None => node.ty.to_string(),
    }
}

/// The name of a type as a cast has it.
pub(super) fn sql_name(ty: Type) -> String {
    match ty {
        Type::Of(DataType::String) => "VARCHAR".into(),
        Type::Of(DataType::Bool) => "BOOLEAN".into(),
        Type::Of(DataType::Int64) => "BIGINT".into(),
        Type::Of(DataType::Float64) => "DOUBLE".into(),
        Type::Of(DataType::Decimal { precision, scale }) => format!("DECIMAL({precision}, {scale})"),
        Type::Of(DataType::Date) => "DATE".into(),
        Type::Of(DataType::Timestamp) => "TIMESTAMP".into(),
        _ => "VARCHAR".into(),
    }
}
