-- Runs docs/argocd-health.lua on statuses as the operator writes them, in the way Argo CD does: `obj` is the resource.
--
--   lua tests/argocd-health.lua docs/argocd-health.lua

local function profile(ready, more)
  local obj = { metadata = { name = "auth", generation = 3 }, status = { observedGeneration = 3, conditions = {} } }
  if ready then
    obj.status.conditions = {
      { type = "Active", status = "True", reason = "AsDeclared", message = "the operator keeps the profile" },
      { type = "Ready", status = ready[1], reason = ready[2], message = ready[3] },
      -- Not looked at: a missed objective is no failed sync.
      { type = "ObjectivesMet", status = "False", reason = "BudgetExhausted", message = "the error budget is spent: availability" },
    }
  end
  if more then more(obj) end
  return obj
end

local ready = { "True", "AsDeclared", "everything is as declared" }
local cases = {
  { "new", profile(nil, function(obj) obj.status = nil end), "Progressing", "has not looked" },
  { "no conditions", profile(nil, function(obj) obj.status.conditions = nil end), "Progressing", "has not looked" },
  { "no Ready", profile(nil), "Progressing", "has not looked" },
  { "ready", profile(ready), "Healthy", "everything is as declared" },
  { "ready for an older generation", profile(ready, function(obj) obj.metadata.generation = 4 end), "Progressing", "this generation" },
  { "being deleted", profile(ready, function(obj) obj.metadata.deletionTimestamp = "2026-01-01T00:00:00Z" end), "Progressing", "deleted" },
  { "unknown", profile({ "Unknown", "Pending", "wait" }), "Progressing", "wait" },
  { "target missing", profile({ "False", "TargetNotFound", "TargetFound: Deployment auth does not exist" }), "Progressing", "does not exist" },
  { "paused", profile({ "False", "Paused", "Active: paused by the annotation" }), "Suspended", "paused" },
  { "foreign autoscaler", profile({ "False", "ForeignObject", "AutoscalingReady: exists" }), "Degraded", "exists" },
  { "cannot scale", profile({ "False", "CannotScale", "AutoscalingReady: FailedGetResourceMetric" }), "Degraded", "FailedGet" },
}

local failures = 0
for _, case in ipairs(cases) do
  obj = case[2]
  local ok, health = pcall(dofile, arg[1])
  local as_expected = ok and health.status == case[3] and health.message:find(case[4], 1, true)
  if not as_expected then
    failures = failures + 1
    print(("FAILED %s: wanted %s (%s), got %s"):format(case[1], case[3], case[4], ok and (health.status .. ": " .. tostring(health.message)) or health))
  end
end
print(("argocd-health.lua: %d cases, %d failures"):format(#cases, failures))
os.exit(failures == 0 and 0 or 1)
