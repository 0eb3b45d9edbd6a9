// Reads the body of a message in any dialect. The oracle identifies packages by name and version,
// and an update by its id without a version, as the agent does.
import { isBody } from '../backend/dialect.ts';
import type { Body } from '../backend/dialect.ts';

export function plainBody(parameters: unknown): Body {
  const body = isBody(parameters) ? parameters : {};
  const report = body['update_report'];
  const id = isBody(report) ? report['update_id'] : body['update_id'];
  if (id === undefined) return body;
  const about = { ...body, package: { name: id, version: '' } };
  return isBody(report) ? { ...about, status: isSuccess(report) } : about;
}

function isSuccess({ operation_results: results }: Body): boolean {
  const list: readonly unknown[] = Array.isArray(results) ? results : [];
  return list.every((one) => isBody(one) && Number(one['result_code']) <= 1);
}
