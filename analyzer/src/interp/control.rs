//! Branches, loops, `with`, `try` and `match`.

use ruff_python_ast::name::Name;
use ruff_python_ast::{ExceptHandler, Expr, Pattern, Stmt, StmtFor, StmtIf, StmtMatch, StmtTry, StmtWhile, StmtWith};
use ruff_text_size::{Ranged, TextRange};

use super::chance::KEPT;
use super::flow::Flow;
use super::heap::{Kind, Val};
use super::{Interp, LoopExit};

/// What has been seen of one branch of an `if`.
pub(super) struct Branch {
    /// Its test cannot fail.
    pub(super) decided: bool,
    /// Share of the runs in which the `else` runs.
    otherwise: f64,
    /// Share of the runs in which what stands behind the `if` runs.
    behind: f64,
}

impl Interp<'_> {
    pub(super) fn run_if(&mut self, inner: &StmtIf) {
        let mut after = Flow::dead();
        let first = self.run_branch(&inner.test, &inner.body, &mut after);
        let (mut decided, mut rest, mut behind) = (first.decided, first.otherwise, first.behind);
        for clause in &inner.elif_else_clauses {
            if decided {
                break;
            }
            match &clause.test {
                Some(test) => {
                    let branch = self.with_chance(rest, |interp| interp.run_branch(test, &clause.body, &mut after));
                    decided = branch.decided;
                    rest *= branch.otherwise;
                    behind *= branch.behind;
                }
                None => {
                    self.with_chance(rest, |interp| interp.run_one_of_many(&clause.body));
                    after.join(&self.flow);
                    decided = true;
                }
            }
        }
        if !decided {
            after.join(&self.flow);
        }
        self.flow = after;
        self.scale_chance(behind);
    }

    /// Runs a test and the body behind it; the flow is then that of the test having failed.
    pub(super) fn run_branch(&mut self, test: &Expr, body: &[Stmt], after: &mut Flow) -> Branch {
        let truth = constant_truth(test);
        self.eval(test);
        let answer = self.answer(test);
        let otherwise = answer.otherwise();
        if truth == Some(false) {
            return Branch { decided: false, otherwise, behind: 1.0 };
        }
        let failed = self.flow.clone();
        if truth.is_some() {
            self.run_body(body);
        } else {
            self.with_chance(answer.chance(), |interp| interp.run_one_of_many(body));
        }
        after.join(&self.flow);
        // What stands behind a branch that leaves runs when the branch does not.
        let behind = if self.flow.dead { otherwise } else { 1.0 };
        self.flow = failed;
        Branch { decided: truth == Some(true), otherwise, behind }
    }

    /// A body that runs on some paths only.
    fn run_one_of_many(&mut self, body: &[Stmt]) {
        self.branches += 1;
        self.run_body(body);
        self.branches -= 1;
    }

    pub(super) fn run_for(&mut self, inner: &StmtFor) {
        let iterable = self.eval(&inner.iter);
        let surely_runs = self.has_elements(&inner.iter, &iterable);
        let turns = self.turns_of(&iterable, &inner.iter);
        self.run_loop(inner.range(), turns, surely_runs, &inner.orelse, |interp| {
            let element = interp.element(&iterable, inner.iter.range());
            interp.assign(&inner.target, &element);
            interp.run_body(&inner.body);
        });
    }

    pub(super) fn run_while(&mut self, inner: &StmtWhile) {
        let endless = constant_truth(&inner.test) == Some(true);
        let turns = self.turns_of_test(&inner.test);
        self.eval(&inner.test);
        self.run_loop(inner.range(), turns, endless, &inner.orelse, |interp| {
            interp.run_body(&inner.body);
            if !interp.flow.dead {
                interp.eval(&inner.test);
            }
        });
    }

    /// Runs a loop body twice, so that what one turn leaves is seen by the next. `surely` says that it runs at least once.
    pub(super) fn run_loop(
        &mut self,
        range: TextRange,
        count: Option<f64>,
        surely: bool,
        orelse: &[Stmt],
        mut turn: impl FnMut(&mut Self),
    ) {
        let around = self.enter_loop(count, range);
        let before = self.flow.clone();
        let mut breaks = Flow::dead();
        // Deep nests would take two to the power of their depth; the second turn of the inner ones adds little.
        let turns = if self.loops >= 3 { 1 } else { 2 };
        self.loops += 1;
        for round in 0..turns {
            if round > 0 {
                self.run_again();
            }
            self.loop_exits.push(LoopExit { breaks: Flow::dead(), continues: Flow::dead() });
            turn(self);
            if let Some(exit) = self.loop_exits.pop() {
                self.flow.join(&exit.continues);
                breaks.join(&exit.breaks);
            }
            if round + 1 < turns {
                if self.flow.dead {
                    break;
                }
                if !surely {
                    self.flow.join(&before);
                }
            }
        }
        self.loops -= 1;
        self.leave_loop(around);
        if !surely {
            self.flow.join(&before);
        }
        self.run_body(orelse);
        self.flow.join(&breaks);
    }

    pub(super) fn run_with(&mut self, inner: &StmtWith) {
        let mut contexts = Vec::new();
        for item in &inner.items {
            let context = self.eval(&item.context_expr);
            let entered = self.enter(&context, item.range());
            if let Some(target) = &item.optional_vars {
                self.assign(target, &entered);
            }
            contexts.push(context);
        }
        self.run_body(&inner.body);
        for context in contexts {
            self.call_special(&context, "__exit__", &[], inner.range());
        }
    }

    pub(super) fn enter(&mut self, context: &Val, range: TextRange) -> Val {
        if let Some(val) = self.call_special(context, "__enter__", &[], range) {
            return val;
        }
        let mut entered = Val::default();
        for &object in &context.objs {
            if matches!(&self.heap.get(object).kind, Kind::Lib(path) if &**path == super::function::CONTEXT) {
                entered.join(&self.heap.get(object).elems.clone());
                continue;
            }
            match self.member_entry_gives(object, "__enter__", range) {
                Some(val) => entered.join(&val),
                None => entered.join(&Val::of(object)),
            }
        }
        entered
    }

    pub(super) fn run_try(&mut self, inner: &StmtTry) {
        let depth = self.flow.frames.len();
        let outer = std::mem::replace(&mut self.raised, Flow::dead());
        self.raised.join(&self.flow);
        for statement in &inner.body {
            if self.flow.dead {
                break;
            }
            self.run_stmt(statement);
            self.raised.join(&self.flow);
        }
        let mut thrown = std::mem::replace(&mut self.raised, outer);
        thrown.frames.truncate(depth);
        self.run_body(&inner.orelse);
        let mut after = self.flow.clone();
        for handler in &inner.handlers {
            let ExceptHandler::ExceptHandler(handler) = handler;
            self.flow = thrown.clone();
            if let Some(kind) = &handler.type_ {
                self.eval(kind);
            }
            if let Some(name) = &handler.name {
                let exception = self.unknown();
                self.bind_name(&name.id, exception);
            }
            self.with_chance(KEPT, |interp| interp.run_one_of_many(&handler.body));
            // The name is unbound when the handler ends; nothing was read, so this is no deletion of another cell's name.
            if let Some(name) = &handler.name
                && !self.flow.dead
            {
                self.unbind_exception(&name.id);
            }
            after.join(&self.flow);
        }
        if inner.handlers.is_empty() {
            self.raised.join(&thrown);
        }
        if inner.finalbody.is_empty() {
            self.flow = after;
        } else {
            // It runs on every path out, those of an exception included; what follows is reached on the others only.
            self.flow = thrown;
            self.run_body(&inner.finalbody);
            self.flow = after;
            let dead = self.flow.dead;
            self.flow.dead = false;
            self.run_body(&inner.finalbody);
            self.flow.dead |= dead;
        }
    }

    pub(super) fn unbind_exception(&mut self, name: &Name) {
        if let Some(index) = self.local_frame(name) {
            if let Some(names) = self.flow.frames.get_mut(index) {
                names.remove(name);
            }
        } else {
            let cell = self.cell;
            self.flow.delta.insert(name.clone(), super::Slot::deleted(cell));
        }
    }

    pub(super) fn run_match(&mut self, inner: &StmtMatch) {
        let subject = self.eval(&inner.subject);
        let mut after = Flow::dead();
        let mut exhaustive = false;
        for case in &inner.cases {
            if exhaustive {
                break;
            }
            let before = self.flow.clone();
            self.match_pattern(&case.pattern, &subject);
            if let Some(guard) = &case.guard {
                self.eval(guard);
            }
            exhaustive = case.guard.is_none() && is_irrefutable(&case.pattern);
            // A pattern that fails may have bound some of its names already.
            let mut failed = before;
            failed.join(&self.flow);
            self.run_body(&case.body);
            after.join(&self.flow);
            self.flow = failed;
        }
        if !exhaustive {
            after.join(&self.flow);
        }
        self.flow = after;
    }

    pub(super) fn match_pattern(&mut self, pattern: &Pattern, subject: &Val) {
        match pattern {
            Pattern::MatchValue(inner) => {
                self.eval(&inner.value);
            }
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(inner) => {
                let element = self.element(subject, inner.range());
                inner.patterns.iter().for_each(|part| self.match_pattern(part, &element));
            }
            Pattern::MatchMapping(inner) => {
                inner.keys.iter().for_each(|key| {
                    self.eval(key);
                });
                let element = self.element(subject, inner.range());
                inner.patterns.iter().for_each(|part| self.match_pattern(part, &element));
                if let Some(rest) = &inner.rest {
                    let dict = self.lib("builtins.dict");
                    self.bind_name(&rest.id, dict);
                }
            }
            Pattern::MatchClass(inner) => {
                self.eval(&inner.cls);
                let element = self.element(subject, inner.range());
                inner.arguments.patterns.iter().for_each(|part| self.match_pattern(part, &element));
                inner.arguments.keywords.iter().for_each(|keyword| self.match_pattern(&keyword.pattern, &element));
            }
            Pattern::MatchStar(inner) => {
                if let Some(name) = &inner.name {
                    let list = self.lib("builtins.list");
                    self.bind_name(&name.id, list);
                }
            }
            Pattern::MatchAs(inner) => {
                if let Some(part) = &inner.pattern {
                    self.match_pattern(part, subject);
                }
                if let Some(name) = &inner.name {
                    self.bind_name(&name.id, subject.clone());
                }
            }
            Pattern::MatchOr(inner) => inner.patterns.iter().for_each(|part| self.match_pattern(part, subject)),
        }
    }
}

/// The truth of a test that does not depend on anything. A notebook's `__name__` is always `__main__`.
/// What a test always says, as far as its text alone tells.
pub(crate) fn constant_truth(test: &Expr) -> Option<bool> {
    match test {
        Expr::BooleanLiteral(literal) => Some(literal.value),
        Expr::NumberLiteral(literal) => match &literal.value {
            ruff_python_ast::Number::Int(value) => value.as_i64().map(|value| value != 0),
            _ => None,
        },
        Expr::NoneLiteral(_) => Some(false),
        Expr::Compare(compare) => {
            let [Expr::StringLiteral(right)] = &*compare.comparators else { return None };
            let is_name = matches!(&*compare.left, Expr::Name(name) if name.id.as_str() == "__name__");
            (is_name && compare.ops.first() == Some(&ruff_python_ast::CmpOp::Eq) && right.value.to_str() == "__main__").then_some(true)
        }
        _ => None,
    }
}

fn is_irrefutable(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::MatchAs(inner) => inner.pattern.as_deref().is_none_or(is_irrefutable),
        Pattern::MatchOr(inner) => inner.patterns.iter().any(is_irrefutable),
        _ => false,
    }
}
