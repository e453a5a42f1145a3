-- Health of a PerformanceProfile for Argo CD; see gitops.md for where it goes.
-- Ready says whether everything that the profile asks for is in place. A missed objective is not a failed sync: it is left out.
local health = { status = "Progressing", message = "the operator has not looked at the profile yet" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "the profile is being deleted"
  return health
end
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.metadata.generation ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "the operator has not looked at this generation of the profile yet"
  return health
end

for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    elseif condition.reason == "Paused" then
      health.status = "Suspended"
    elseif condition.status == "False" and condition.reason ~= "TargetNotFound" then
      -- The target may be a later wave of the same sync; everything else needs somebody.
      health.status = "Degraded"
    end
  end
end
return health
