{{/* What the operator may do, and nothing else: no Secrets, no pods but to count them and to find poolers, no wildcard. */}}
{{- define "plimsoll.rules" -}}
- apiGroups: [plimsoll.dev]
  resources: [performanceprofiles]
  verbs: [get, list, watch]
- apiGroups: [plimsoll.dev]
  resources: [performanceprofiles/status]
  verbs: [patch]
# The children of a profile.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [prometheusrules]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [operator.victoriametrics.com]
  resources: [vmrules]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# What runs poolers. A role can only be given by who has all that is in it: here to read one ConfigMap.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
# What is adopted beside autoscalers, and what says which autoscaler counts.
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, patch]
- apiGroups: [flagger.app]
  resources: [canaries]
  verbs: [list]
# To say which label the ruleSelector of an installation asks for.
- apiGroups: [monitoring.coreos.com]
  resources: [prometheuses]
  verbs: [list]
# What a targetRef may name. Their numbers stand in the objects themselves; of other kinds their scale is read.
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get]
{{- range .Values.rbac.extraTargets }}
- apiGroups: {{ toJson .apiGroups }}
  resources: {{ toJson .resources }}
  verbs: [get]
- apiGroups: {{ toJson .apiGroups }}
  resources:
  {{- range .resources }}
  - {{ . }}/scale
  {{- end }}
  verbs: [get]
{{- end }}
# Enforcement: pods that find no node, or are on one that is cordoned. Poolers: where their agents answer.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- if not .Values.namespaces }}
# Which nodes are cordoned. A Role cannot give this: there is no surge for drains then.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* A create cannot be bound to a name: the object has none yet when it is authorized. */}}
{{- define "plimsoll.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "plimsoll.fullname" . }}]
  verbs: [get, update]
{{- end }}

{{/* A role and its binding to the service account. With namespace: a Role there, without: a ClusterRole. */}}
{{- define "plimsoll.grant" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "plimsoll.labels" .root | nindent 4 }}
rules:
{{ .rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "plimsoll.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
- kind: ServiceAccount
  name: {{ include "plimsoll.serviceAccount" .root }}
  namespace: {{ .root.Release.Namespace }}
{{- end }}
