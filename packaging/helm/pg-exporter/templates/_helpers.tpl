{{- define "pg-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of this release. */}}
{{- define "pg-exporter.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pg-exporter.labels" -}}
{{ include "pg-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{- define "pg-exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pg-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "pg-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* One target's variables: those of all targets, under its own, and its labels. */}}
{{- define "pg-exporter.env" -}}
{{- $labels := list -}}
{{- range $name, $value := .target.labels -}}
{{- $labels = append $labels (printf "%s=%s" $name $value) -}}
{{- end -}}
{{- $env := mergeOverwrite (deepCopy .root.Values.env) (deepCopy (default dict .target.env)) -}}
{{- if $labels -}}
{{- $_ := set $env "PG_EXPORTER_LABEL" (join "," (compact (list (get $env "PG_EXPORTER_LABEL") (join "," $labels)))) -}}
{{- end -}}
{{- range $name, $value := $env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end -}}
{{- end -}}

{{/* /liveness where everybody may ask; else the port. */}}
{{- define "pg-exporter.probe" -}}
{{- if .Values.web.authentication -}}
tcpSocket: { port: web }
{{- else -}}
httpGet: { path: /liveness, port: web, scheme: {{ ternary "HTTPS" "HTTP" .Values.web.tls }} }
{{- end -}}
{{- end -}}

{{/* What ServiceMonitor and PodMonitor have in common. */}}
{{- define "pg-exporter.endpoint" -}}
port: web
scheme: {{ ternary "https" "http" .root.Values.web.tls }}
interval: {{ .monitor.interval }}
scrapeTimeout: {{ .monitor.scrapeTimeout }}
{{- with .monitor.tlsConfig }}
tlsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.basicAuth }}
basicAuth: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.relabelings }}
relabelings: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.metricRelabelings }}
metricRelabelings: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
