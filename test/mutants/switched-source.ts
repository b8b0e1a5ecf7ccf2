import ts from 'typescript';

/** A module in which each mutant is there beside the original, and a switch chooses. */
export interface Switched {
  readonly text: string;
  /** Names of its mutants, in the order of their numbers. */
  readonly names: readonly string[];
}

const kinds = ts.SyntaxKind;

/** What a comparison is changed to: its neighbour, and its contrary. */
const comparisons = new Map<ts.SyntaxKind, readonly ts.BinaryOperator[]>([
  [kinds.LessThanToken, [kinds.LessThanEqualsToken, kinds.GreaterThanEqualsToken]],
  [kinds.LessThanEqualsToken, [kinds.LessThanToken, kinds.GreaterThanToken]],
  [kinds.GreaterThanToken, [kinds.GreaterThanEqualsToken, kinds.LessThanEqualsToken]],
  [kinds.GreaterThanEqualsToken, [kinds.GreaterThanToken, kinds.LessThanToken]],
  [kinds.EqualsEqualsEqualsToken, [kinds.ExclamationEqualsEqualsToken]],
  [kinds.ExclamationEqualsEqualsToken, [kinds.EqualsEqualsEqualsToken]],
]);

type Change = readonly [what: string, node: ts.Expression];

/**
 * Puts every mutant of a module's functions into its text: each operand of `&&` and `||` taken away,
 * each comparison changed, each `!` taken away. A mutant is on while the exported `active.mutant` of
 * the module `switch` beside it has its number; numbers begin at `first`.
 */
export function switched(module: string, text: string, first: number): Switched {
  const source = ts.createSourceFile(`${module}.ts`, text, ts.ScriptTarget.ES2023, true);
  const names: string[] = [];
  const factoryOf = (context: ts.TransformationContext) => {
    const visit = (node: ts.Node): ts.Node => {
      const inner = ts.visitEachChild(node, visit, context);
      if (!ts.isExpression(node)) return inner;
      const changes = isInFunction(node) ? changesOf(node, source) : [];
      const choose = (otherwise: ts.Expression, [what, mutant]: Change): ts.Expression => {
        const name = unique(`${module} ${pathOf(node)}: ${what}`, names);
        names.push(name);
        return choice(first + names.length - 1, mutant, otherwise);
      };
      return changes.reduce(choose, inner as ts.Expression);
    };
    return (file: ts.SourceFile) => ts.visitEachChild(file, visit, context);
  };
  const { transformed } = ts.transform(source, [factoryOf]);
  const [changed = source] = transformed;
  const printed = ts.createPrinter().printFile(changed);
  return { text: `import { active as $active } from './switch.ts';\n${printed}`, names };
}

function choice(number: number, mutant: ts.Expression, otherwise: ts.Expression): ts.Expression {
  const { factory } = ts;
  const isOn = factory.createStrictEquality(
    factory.createPropertyAccessExpression(factory.createIdentifier('$active'), 'mutant'),
    factory.createNumericLiteral(number),
  );
  return factory.createParenthesizedExpression(
    factory.createConditionalExpression(isOn, undefined, mutant, undefined, otherwise),
  );
}

function changesOf(node: ts.Expression, source: ts.SourceFile): readonly Change[] {
  const textOf = (part: ts.Node) => part.getText(source).replaceAll(/\s+/g, ' ');
  if (ts.isPrefixUnaryExpression(node) && node.operator === kinds.ExclamationToken) {
    return [[`without ! in ${textOf(node)}`, node.operand]];
  }
  if (!ts.isBinaryExpression(node)) return [];
  const { kind } = node.operatorToken;
  const { left, right } = node;
  const flipped = (comparisons.get(kind) ?? []).map(
    (operator): Change => [
      `${textOf(left)} ${ts.tokenToString(operator)} ${textOf(right)}`,
      ts.factory.createBinaryExpression(left, operator, right),
    ],
  );
  if (flipped.length > 0 || !isLogical(kind)) return flipped;
  // A chain is changed at its top: `a && b && c` has three operands.
  if (ts.isBinaryExpression(node.parent) && node.parent.operatorToken.kind === kind) return [];
  const operands = operandsOf(node, kind);
  return operands.map((operand, index) => [
    `without ${textOf(operand)}`,
    operands
      .toSpliced(index, 1)
      .reduce((all, next) => ts.factory.createBinaryExpression(all, kind, next)),
  ]);
}

type Logical = ts.SyntaxKind.AmpersandAmpersandToken | ts.SyntaxKind.BarBarToken;

function isLogical(kind: ts.SyntaxKind): kind is Logical {
  return kind === kinds.AmpersandAmpersandToken || kind === kinds.BarBarToken;
}

function operandsOf(node: ts.Expression, kind: Logical): readonly ts.Expression[] {
  return ts.isBinaryExpression(node) && node.operatorToken.kind === kind
    ? [...operandsOf(node.left, kind), ...operandsOf(node.right, kind)]
    : [node];
}

function isInFunction(node: ts.Node): boolean {
  return ts.findAncestor(node, ts.isFunctionLike) !== undefined;
}

/** Where it is, by the names of functions and fields around it; the outermost is its name in the module. */
function pathOf(node: ts.Node): string {
  const names: string[] = [];
  for (let at = node.parent; at !== undefined; at = at.parent) names.unshift(...nameOf(at));
  return names.join('.');
}

function nameOf(node: ts.Node): readonly string[] {
  if (ts.isFunctionDeclaration(node) && node.name) return [node.name.text];
  if (!ts.isPropertyAssignment(node) && !ts.isVariableDeclaration(node)) return [];
  const { name } = node;
  return ts.isIdentifier(name) || ts.isStringLiteral(name) ? [name.text] : [];
}

function unique(name: string, names: readonly string[]): string {
  const twins = names.filter((other) => other === name || other.startsWith(`${name} (`)).length;
  return twins === 0 ? name : `${name} (${twins + 1})`;
}
