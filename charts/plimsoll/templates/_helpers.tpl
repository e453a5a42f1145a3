{{- define "plimsoll.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "plimsoll.fullname" -}}
{{- $name := include "plimsoll.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Names without a namespace carry it in front: two installations of one name do not take each other's roles. */}}
{{- define "plimsoll.clusterName" -}}
{{ .Release.Namespace }}:{{ include "plimsoll.fullname" . }}
{{- end }}

{{- define "plimsoll.serviceAccount" -}}
{{- default (ternary (include "plimsoll.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "plimsoll.selector" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "plimsoll.labels" -}}
{{ include "plimsoll.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "plimsoll.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* "30s" and "2m" in seconds; the schema allows no other form. */}}
{{- define "plimsoll.seconds" -}}
{{- mul (regexFind "[0-9]+" .) (ternary 60 1 (hasSuffix "m" .)) }}
{{- end }}

{{/* (list SEVERITY EXTRA): the labels of an alert, in one line. */}}
{{- define "plimsoll.alertLabels" -}}
{{- toJson (merge (dict "severity" (first .)) (last .)) }}
{{- end }}
